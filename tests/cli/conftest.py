"""What the tests of the command line share."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from command_line import CommandLine, texts, write_body, write_csv


@pytest.fixture
def cli(
    tmp_path: Path,
    three_folds: None,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> CommandLine:
    """The command line in a fresh working folder, with a cache of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HEADSTART_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")  # undone afterwards, whatever --offline sets
    return CommandLine(tmp_path, capsys)


@pytest.fixture(scope="session")
def tiny_body(tmp_path_factory: pytest.TempPathFactory) -> str:
    """An image source of random weights, by name."""
    return write_body(tmp_path_factory.mktemp("body") / "tiny.safetensors")


@pytest.fixture(scope="session")
def text_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder of a fit on texts; copy it to change it."""
    from headstart.transfer import fit

    folder = tmp_path_factory.mktemp("fitted")
    write_csv(folder / "texts.csv", texts())
    fit(folder / "texts.csv", source="toy", baselines="none", out=folder / "run")
    return folder / "run"


@pytest.fixture
def run(text_run: Path, cli: CommandLine) -> str:
    """A copy of the run in the working folder."""
    shutil.copytree(text_run, cli.folder / "run")
    return "run"


@pytest.fixture(scope="session")
def tiny_image_run(tiny_body: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder of a fit on pictures, with the body in it; copy it to change it."""
    from command_line import pictures

    from headstart.transfer import fit

    folder = tmp_path_factory.mktemp("fitted-pictures")
    pictures(folder / "photos")
    fit(folder / "photos", source=tiny_body, baselines="none", out=folder / "run")
    return folder / "run"
