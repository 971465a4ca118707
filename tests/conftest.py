"""What the tests share: where the real data are, and a private cache folder."""

from __future__ import annotations

import os
import tarfile
from pathlib import Path

import pytest

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

ROOT = Path(__file__).resolve().parents[1]


def data_folder() -> Path:
    """The folder of real data: HEADSTART_DATA, else shared/data beside the project."""
    return Path(os.environ.get("HEADSTART_DATA", ROOT.parent / "shared" / "data"))


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real data; where it is absent, skips, or fails in CI."""
    folder = data_folder()
    if not folder.is_dir():
        reason = (
            f"no real data at {folder}; set HEADSTART_DATA to the folder that holds images/, text/, audio/, weights/"
        )
        if os.environ.get("CI"):
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    return folder


@pytest.fixture(scope="session")
def unpacked(real_data: Path, tmp_path_factory: pytest.TempPathFactory):
    """A function that unpacks one of the real archives once a session and returns the folder."""
    done: dict[str, Path] = {}

    def unpack(archive: str) -> Path:
        if archive not in done:
            done[archive] = tmp_path_factory.mktemp("unpacked")
            with tarfile.open(real_data / archive) as tar:
                tar.extractall(done[archive], filter="data")
        return done[archive]

    return unpack


@pytest.fixture
def three_folds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Judges in three folds, not ten: for tests of what is read, said, kept and answered, not of how it is judged."""
    monkeypatch.setattr("headstart.transfer.stages.judge.MAX_FOLDS", 3)
