"""What a run of the tests leaves on the disk: the folders of its failed tests, and nothing if it is killed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from private_folder import PREFIX, PrivateFolder, remove_abandoned

ROOT = Path(__file__).resolve().parents[1]
HELPERS = ROOT / "tests" / "helpers"
TESTS = """
import os, subprocess, sys, tempfile, pytest
from pathlib import Path

WRITE = "import tempfile; open(tempfile.mkstemp()[0], 'wb').write(b'0')"

@pytest.fixture(scope="session")
def shared(tmp_path_factory):
    return tmp_path_factory.mktemp("shared")

@pytest.mark.parametrize("wanted", [1, 2, 3])
def test_one_is(wanted, tmp_path, shared):
    tempfile.mkdtemp()
    subprocess.run([sys.executable, "-c", WRITE], check=True)
    Path(os.environ["HEADSTART_CACHE"], "rows").write_text("rows")
    (tmp_path / "mine").write_text("mine")
    assert wanted in EXPECTED
"""

NO_PLUGINS = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}  # others take seconds to load


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A temporary folder for other runs of the tests."""
    (tmp_path / "place").mkdir()
    return tmp_path / "place"


def run_tests(folder: Path, place: Path, expected: str, *extra: str) -> int:
    """The exit code of a run of ``TESTS`` with this project's conftest.py and settings."""
    for name in ("conftest.py", "pyproject.toml"):
        shutil.copy(ROOT / name, folder)
    (folder / "test_one.py").write_text(f"EXPECTED = {expected}\n{TESTS}")
    words = ["-m", "pytest", *extra, "-p", "no:cacheprovider", "-o", f"pythonpath={HELPERS}", "-o", "testpaths=."]
    settings = {**os.environ, **dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(place)), **NO_PLUGINS}
    done = subprocess.run([sys.executable, *words], cwd=folder, env=settings, capture_output=True, check=False)
    return done.returncode


def test_what_failed_tests_wrote_stays_until_the_next_run(tmp_path, place):
    assert run_tests(tmp_path, place, "{1, 3}", "-p", "xdist", "-n2") == 1
    left = [path.relative_to(place).parts[1:] for path in place.rglob("*") if path.is_file()]
    assert sorted((parts[0], parts[-1]) for parts in left) == [("failed", "mine"), ("in-use",) * 2]
    assert run_tests(tmp_path, place, "{1, 2, 3}") == 0
    assert list(place.iterdir()) == []


KILLED = """
import os, signal, sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from private_folder import PrivateFolder
(PrivateFolder(Path(sys.argv[2])).path / "large").write_bytes(bytes(1000))
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="kill -9 is a signal of POSIX")
def test_the_folder_of_a_killed_run_is_removed_and_no_other(place):
    for name in (f"{PREFIX}made-just-now", "headstart-cache", "other"):
        (place / name).mkdir()
    others = {*place.iterdir()}
    in_use = PrivateFolder(place)
    subprocess.run([sys.executable, "-c", KILLED, HELPERS, place], check=False)
    (killed,) = {*place.iterdir()} - others - {in_use.path}
    assert remove_abandoned(place) == [killed]
    assert {*place.iterdir()} == others | {in_use.path}
    in_use.remove()
    assert {*place.iterdir()} == others
