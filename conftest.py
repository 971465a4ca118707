"""A private cache folder for every test, the doctests in ``src`` included."""

from __future__ import annotations

import os
import shutil
import tempfile

import pytest

FOLDER = pytest.StashKey[str]()


def pytest_configure(config: pytest.Config) -> None:
    """No test reads or fills the cache of the person who runs it, or depends on their terminal."""
    config.stash[FOLDER] = tempfile.mkdtemp(prefix="headstart-cache-")
    for name in ("HEADSTART_CACHE_LIMIT", "COLUMNS", "FORCE_COLOR", "CLICOLOR_FORCE"):
        os.environ.pop(name, None)
    os.environ["HEADSTART_CACHE"] = config.stash[FOLDER]


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Set it again before each test: a doctest may have changed it to show what it does."""
    os.environ["HEADSTART_CACHE"] = item.config.stash[FOLDER]


def pytest_unconfigure(config: pytest.Config) -> None:
    """Leave nothing behind."""
    shutil.rmtree(config.stash[FOLDER], ignore_errors=True)
