"""Run folders that something went wrong with: damaged pointers and versions, killed writers, files of the user."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from small_models import saved

from headstart.errors import ModelFolderError, NoModelError
from headstart.io import read_json, write_json
from headstart.model import TransferModel
from headstart.model.files.deletion import files_of_others
from headstart.model.files.version_files import never_in_force, write_pointer
from headstart.model.versions import current_version, moves_of, purge, rollback, versions_of, write_version

NEW = np.full((3, 4), 9.0, np.float32) + np.eye(3, 4, dtype=np.float32)


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    return saved(tmp_path_factory.mktemp("made") / "run")


@pytest.fixture
def run(made, tmp_path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "run"))


def taught(run: Path):
    return write_version(run, TransferModel.load(run).update(NEW, ["new"] * 3), {"what": "update", "added": 3})


def _as_folder(place: Path) -> None:
    place.unlink()
    place.mkdir()
    (place / "notes.txt").write_text("of the user")


def _as_link(place: Path) -> None:
    place.rename(place.parent.parent / "pointer")
    place.symlink_to(place.parent.parent / "pointer")


def _as_link_to_nothing(place: Path) -> None:
    place.unlink()
    place.symlink_to("nowhere")


DAMAGES = {
    "empty": lambda place: place.write_bytes(b""),
    "cut": lambda place: place.write_bytes(place.read_bytes()[:20]),
    "no text": lambda place: place.write_bytes(bytes(range(256))),
    "deep": lambda place: place.write_text("[" * 100_000),
    "a list": lambda place: place.write_text("[2]"),
    "a missing version": lambda place: place.write_text(json.dumps({"version": 9})),
    "no version": lambda place: place.write_text("{}"),
    "missing": Path.unlink,
    "a folder": _as_folder,
    "an empty folder": lambda place: (place.unlink(), place.mkdir()),
    "a link": _as_link,
    "a link to nothing": _as_link_to_nothing,
    "no file": lambda place: (place.unlink(), os.mkfifo(place)),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_pointer_locks_nobody_out_and_a_number_mends_it(run, damage):
    """The kind: whatever stands at RUN/current, the versions are listed, and the sentence names what mends it."""
    taught(run)
    second = taught(run).folder
    DAMAGES[damage](run / "current")
    found = versions_of(run)
    assert [(one.number, one.in_force, one.problem) for one in found] == [(k, False, "") for k in (1, 2, 3)]
    moves_of(run)
    for call in (TransferModel.load, current_version, rollback, taught):
        with pytest.raises(ModelFolderError, match=r"its versions are 1, 2, 3: 'headstart rollback .*run N'"):
            call(run)
    assert TransferModel.load(run, version=3).folder == second
    assert rollback(run, 3).in_force
    assert (current_version(run), TransferModel.load(run).folder) == (3, second)
    assert moves_of(run)[-1]["what"] == "repair"
    assert rollback(run).number == 2
    assert taught(run).number == 4
    if damage == "a folder":
        assert (run / "current.damaged" / "notes.txt").read_text() == "of the user"


def test_a_damaged_pointer_is_not_mended_by_a_damaged_version_nor_by_one_that_was_deleted(run):
    taught(run)
    taught(run)
    purge(run, [1])
    (run / "current").write_text("{")
    with pytest.raises(ModelFolderError, match="missing"):
        rollback(run, 1)
    assert (run / "current").read_text() == "{"
    assert "missing" in versions_of(run)[0].problem
    assert rollback(run, 3).number == 3


@pytest.mark.parametrize("name", ["config.json", "version.json", "model.safetensors", "metrics.json"])
@pytest.mark.parametrize("number", [1, 2])
def test_a_damaged_file_of_a_version_does_not_hide_the_others(run, name, number):
    """The kind: no file of a version, damaged or missing, keeps the list of versions from the user."""
    taught(run)
    rollback(run, 1)
    place = (run if number == 1 else run / "versions" / "2") / name
    place.unlink(missing_ok=True)
    if name != "model.safetensors":
        place.write_bytes(b"{\xff")
    found = versions_of(run)
    assert [one.number for one in found] == [1, 2]
    beside = name == "metrics.json" or (name, number) == ("version.json", 1)  # no part of that version
    assert bool(found[number - 1].problem) != beside
    assert found[2 - number].problem == ""


def test_a_version_that_nothing_put_in_force_is_none_and_its_number_is_used_again(run, monkeypatch):
    """As if the process had been killed between the complete folder and the pointer."""

    def killed(_run, pointer):
        if pointer.version > 1:
            raise KeyboardInterrupt
        write_pointer(_run, pointer)

    with monkeypatch.context() as patch:
        patch.setattr("headstart.model.versions.write_pointer", killed)
        with pytest.raises(KeyboardInterrupt):
            taught(run)
    assert (run / "versions" / "2" / "config.json").is_file()
    assert [one.number for one in versions_of(run)] == [1]
    assert never_in_force(run) == [2]
    for call in (lambda: TransferModel.load(run, version=2), lambda: rollback(run, 2)):
        with pytest.raises(NoModelError, match="no version 2"):
            call()
    assert TransferModel.load(run).folder == run
    assert (taught(run).number, never_in_force(run)) == (2, [])
    assert TransferModel.load(run).predict(NEW) == ["new"] * 3


def test_a_folder_that_somebody_copied_is_no_version_and_is_not_overwritten(run):
    taught(run)
    shutil.copytree(run / "versions" / "2", run / "versions" / "3")
    assert never_in_force(run) == [3]
    assert taught(run).number == 4
    assert [one.number for one in versions_of(run)] == [1, 2, 4]
    assert read_json(run / "versions" / "3" / "version.json")["version"] == 2


def test_what_was_in_force_follows_from_the_bases_where_an_earlier_release_wrote_the_pointer(run):
    for _ in range(3):
        taught(run)
    old = {name: value for name, value in read_json(run / "current").items() if name != "versions"}
    write_json(run / "current", {**old, "version": 3})  # version 4 was written, and its process killed
    assert [one.number for one in versions_of(run)] == [1, 2, 3]
    assert taught(run).number == 4
    write_json(run / "current", {**old, "version": 4, "purged": [3]})
    assert [one.number for one in versions_of(run)] == [1, 2, 4]


def test_deleting_a_version_touches_only_files_that_are_its_own(run, tmp_path):
    """The kind: what a user put into the folder of any version stays, and links are not followed."""
    (run / "logs").mkdir()
    (run / "logs" / "candidates.csv").write_text("a table of the fit")
    own = {}
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "training.csv").write_text("of another folder")
    taught(run)
    for place in (run, run / "versions" / "2"):
        for name in ("notes.txt", "export/model.onnx", "logs/mine.csv", "body/mine.bin"):
            (place / name).parent.mkdir(exist_ok=True)
            (place / name).write_text("of the user")
            own[place / name] = "of the user"
    (run / "report.html").write_text("it shows the items")
    taught(run)
    (run / "versions" / "2" / "data").symlink_to(outside)
    assert files_of_others(run) == ["body/mine.bin", "export", "logs/mine.csv", "notes.txt"]
    purge(run, [1, 2])
    assert {path: path.read_text() for path in own} == own
    assert (outside / "training.csv").is_file()
    for gone in ("report.html", "model.safetensors", "logs/candidates.csv", "versions/2/config.json"):
        assert not (run / gone).exists()
    assert [one.number for one in versions_of(run)] == [3]


def test_a_link_in_the_place_of_a_folder_of_the_version_is_not_followed(run, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "training.csv").write_text("of another folder")
    taught(run)
    (run / "logs").symlink_to(outside)
    purge(run, [1])
    assert (outside / "training.csv").is_file()


def test_the_time_of_a_fit_is_that_of_its_record_and_else_the_date_of_the_file(run):
    write_json(run / "manifest.json", {"when": "2026-05-01T12:00:00+02:00"})
    os.utime(run / "config.json", (0, 0))
    assert versions_of(run)[0].when == "2026-05-01T10:00:00+00:00"
    for damaged in ({"when": 5}, {"when": "yesterday"}, {}):
        write_json(run / "manifest.json", damaged)
        assert versions_of(run)[0].when == "1970-01-01T00:00:00+00:00"
        assert versions_of(run)[0].about["when_from"] == "file date"


def test_one_version_without_a_pointer_is_marked_and_its_number_is_not_used_again(run):
    """An earlier release that was killed in its first update, or a deleted file: the version is not lost."""
    taught(run)
    (run / "current").unlink()
    assert (current_version(run), TransferModel.load(run).folder) == (1, run)
    first, second = versions_of(run)
    assert (first.problem, first.in_force) == ("", True)
    assert "'headstart rollback" in second.problem
    assert taught(run).number == 3
    assert rollback(run, 2).number == 2
