"""Versions of a run folder: complete, atomic, byte-equal on the way back, one writer, hostile folders, kill -9."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from command_line import tree
from small_models import clusters, saved, solved

from headstart.errors import DigestError, HeadstartError, ModelFolderError, NoModelError, SaveError, UsageError
from headstart.io import check_replaceable, exclusive_lock, file_digest, read_json, write_json
from headstart.model import TransferModel
from headstart.model.files.deletion import _delete
from headstart.model.files.version_files import read_pointer, write_pointer
from headstart.model.versions import (
    current_version,
    describe_version,
    moves_of,
    purge,
    rollback,
    versions_of,
    write_version,
)

NEW = np.full((3, 4), 9.0, np.float32) + np.eye(3, 4, dtype=np.float32)


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    return saved(tmp_path_factory.mktemp("made") / "run")


@pytest.fixture
def run(made, tmp_path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "run"))


def taught(run: Path, **how):
    return write_version(run, TransferModel.load(run).update(NEW, ["new"] * 3), {"what": "update", "added": 3}, **how)


def test_the_new_version_is_opened_and_the_old_one_by_its_number(run):
    before = TransferModel.load(run).predict_proba(NEW)
    assert taught(run).number == current_version(run) == 2
    assert TransferModel.load(run).predict(NEW) == ["new"] * 3
    np.testing.assert_array_equal(TransferModel.load(run, version=1).predict_proba(NEW), before)
    assert TransferModel.load(run).folder == run / "versions" / "2"
    assert [(one.number, one.what, one.in_force) for one in versions_of(run)] == [
        (1, "fit", False),
        (2, "update", True),
    ]


def test_going_back_is_equal_to_the_byte_and_forth_again(run):
    first = tree(run)
    taught(run)
    second = tree(run / "versions")
    assert rollback(run).number == 1
    assert {name: one for name, one in tree(run).items() if name in first} == first
    assert rollback(run, 2).digest == describe_version(run).digest
    assert tree(run / "versions") == second
    assert [(move["from"], move["to"]) for move in moves_of(run)] == [(2, 1), (1, 2)]


def test_after_going_back_the_next_version_gets_a_new_number_and_its_base_is_noted(run):
    taught(run)
    rollback(run)
    assert (taught(run).number, describe_version(run).about["base"]) == (3, 1)
    assert rollback(run).number == 1  # not 2: version 3 was made from version 1


def test_there_is_nothing_before_the_first_and_no_version_twice(run):
    with pytest.raises(UsageError, match="none before it"):
        rollback(run)
    with pytest.raises(UsageError, match="in force already"):
        rollback(run, 1)
    with pytest.raises(NoModelError, match="no version 7; its versions are 1"):
        rollback(run, 7)
    with pytest.raises(NoModelError, match="no version 7"):
        TransferModel.load(run, version=7)


def test_an_unchanged_body_is_one_file_on_the_disk_and_its_digest_is_checked(run):
    body = run / "body" / "weights.bin"
    body.parent.mkdir()
    body.write_bytes(b"large")
    config = read_json(run / "config.json")
    config["sha256"]["body/weights.bin"] = file_digest(body)
    write_json(run / "config.json", config)
    linked = taught(run).folder / "body" / "weights.bin"
    assert linked.stat().st_ino == body.stat().st_ino
    linked.unlink()
    linked.write_bytes(b"other")
    with pytest.raises(DigestError):
        TransferModel.load(run)


def test_a_model_from_elsewhere_brings_its_own_body(run):
    write_version(run, solved(*clusters(seed=3)), {"what": "fit again"})
    assert TransferModel.load(run).predict(NEW)
    assert versions_of(run)[1].what == "fit again"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ({"version": "../../elsewhere"}, "by its number"),
        ({"version": -1}, "by its number"),
        ({"version": True}, "by its number"),
        ({"version": 10**9}, "by its number"),
        ({"version": 1.5}, "by its number"),
        ({}, "by its number"),
        ({"version": 1, "purged": 3}, "by its number"),
        ({"version": 1, "moves": "x"}, "no list of objects"),
        ({"version": 5}, "names version 5, which is missing; its versions are 1"),
        ([1], "JSON object"),
    ],
)
def test_a_hostile_or_damaged_pointer_is_one_sentence(run, content, says):
    (run / "current").write_text(json.dumps(content))
    with pytest.raises(ModelFolderError, match=says):
        TransferModel.load(run)


def test_a_version_that_leads_out_of_the_folder_is_refused(run, tmp_path):
    elsewhere = saved(tmp_path / "elsewhere")
    (run / "versions").mkdir()
    (run / "versions" / "2").symlink_to(elsewhere)
    (run / "current").write_text('{"version": 2}')
    with pytest.raises(ModelFolderError, match="outside the run folder"):
        TransferModel.load(run)


def test_a_damaged_version_is_named_and_the_one_before_still_opens(run):
    place = taught(run).folder / "model.safetensors"
    place.write_bytes(place.read_bytes()[:-1] + b"x")
    with pytest.raises(DigestError, match="versions/2"):
        TransferModel.load(run)
    assert rollback(run).number == 1
    assert TransferModel.load(run).predict(NEW)


def test_one_writer_at_a_time_and_none_on_an_older_version(run):
    with exclusive_lock(run / ".lock", "held"), pytest.raises(SaveError, match="Another process is writing"):
        taught(run)
    taught(run)
    with pytest.raises(UsageError, match=r"Version 2 of .* is in force by now"):
        taught(run, base=1)


def test_a_version_that_cannot_be_written_leaves_the_old_one(run):
    def fail(_folder: Path) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(SaveError, match="nothing was changed"):
        taught(run, write_more=fail)
    assert current_version(run) == 1
    assert list((run / "versions").iterdir()) == []
    assert taught(run).number == 2


def test_a_purged_version_is_gone_and_an_interrupted_deletion_is_finished(run):
    taught(run)
    taught(run)
    with pytest.raises(UsageError, match="in force"):
        purge(run, [3])
    purge(run, [1, 2])
    assert sorted(path.name for path in run.glob("[!.]*")) == ["config.json", "current", "versions"]
    assert [one.number for one in versions_of(run)] == [3]
    with pytest.raises(NoModelError, match="deleted with the items that it knew"):
        TransferModel.load(run, version=1)
    with pytest.raises(UsageError, match="no other version"):
        rollback(run)
    taught(run)
    shutil.copytree(run / "versions" / "3", run / "versions" / "2")  # as if the deletion had been killed
    write_pointer(run, replace(read_pointer(run), unfinished=(2,)))
    assert rollback(run, 4).number == 4  # in force already, and the deletion is finished by it
    assert not (run / "versions" / "2").exists()
    shutil.copytree(run / "versions" / "3", run / "versions" / "2")
    write_pointer(run, replace(read_pointer(run), unfinished=(2,)))
    assert [one.number for one in versions_of(run)] == [3, 4]
    assert taught(run).number == 5
    assert not (run / "versions" / "2").exists()


def test_a_purge_keeps_feedback_and_what_is_written_into_the_run_folder_later(run):
    (run / "feedback.db").write_text("corrections")
    taught(run)
    purge(run, [1])
    (run / "export").mkdir()
    (run / "export" / "model.onnx").write_text("exported afterwards")
    taught(run)
    assert (run / "feedback.db").read_text() == "corrections"
    assert (run / "export" / "model.onnx").is_file()


def test_a_purged_version_that_cannot_be_deleted_is_said_and_deleted_by_the_next_writer(run, monkeypatch):
    taught(run)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", _not_allowed)
        with pytest.raises(SaveError, match="cannot be removed"):
            _delete(run / "report.html")
    (run / "report.html").write_text("it shows the items")
    with monkeypatch.context() as patch:
        patch.setattr("headstart.model.files.deletion._delete", _refused)
        with pytest.raises(SaveError, match="refused"):
            purge(run, [1])
    assert (run / "report.html").is_file()
    with pytest.raises(NoModelError, match="deleted"):
        TransferModel.load(run, version=1)
    taught(run)
    assert not (run / "report.html").exists()


def _not_allowed(path, **_):
    raise PermissionError(13, "Permission denied", str(path))


def _refused(path):
    raise SaveError(f"refused: {path}")


def test_a_linked_file_keeps_the_permissions_of_the_version_that_it_was_linked_from(made, tmp_path):
    run = Path(shutil.copytree(made, tmp_path / "private"))
    facts = run / "metrics.json"
    facts.write_text("{}")
    facts.chmod(0o600)
    taught(run)
    assert (run / "versions" / "2" / "metrics.json").samefile(facts)
    assert facts.stat().st_mode & 0o777 == 0o600


def test_a_fit_may_replace_a_run_with_versions(run):
    taught(run)
    check_replaceable(run)


KILLED = """
import json, os, signal, sys
from pathlib import Path
import numpy as np
from headstart.model import TransferModel
from headstart.model.versions import current_version, rollback, write_version

run, step = Path(sys.argv[1]), int(sys.argv[2])
first = TransferModel.load(run)
changed = first.update(np.full((3, 4), 9.0, np.float32), ["new"] * 3)
NAMES = "versions version_files pointer deletion writing atomic files locks pathlib shutil"
FILES = tuple(f"{name}.py" for name in NAMES.split())

def lines_until(limit, work):
    "Run in a child that is killed at line ``limit`` of the files above; the lines that it ran, None if it was killed."
    read, write = os.pipe()
    child = os.fork()
    if not child:
        count = 0
        def trace(frame, event, _):
            nonlocal count
            if not frame.f_code.co_filename.endswith(FILES):
                return None
            count += event == "line"
            if count == limit:
                os.kill(os.getpid(), signal.SIGKILL)
            return trace
        sys.settrace(trace)
        work()
        sys.settrace(None)
        os.write(write, str(count).encode())
        os._exit(0)
    os.close(write)
    os.waitpid(child, 0)
    said = os.read(read, 64)
    os.close(read)
    return int(said) if said else None

def update():
    write_version(run, changed, {"what": "update"})

every = lines_until(-1, update)
rollback(run, 1)
found = {"lines": every, "kills": 0, "labels": []}
for limit in range(1, every, step):
    before = current_version(run)
    assert lines_until(limit, update) is None, limit
    found["kills"] += 1
    opened = TransferModel.load(run)
    wanted = changed if current_version(run) > before else first
    assert np.array_equal(opened.head.weight, wanted.head.weight), limit
    found["labels"].append(len(opened.task.labels))
    if current_version(run) != 1:
        rollback(run, 1)
update()
found["left"] = sorted(path.name for path in run.iterdir() if path.name.startswith(".current"))
print(json.dumps(found))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="a killed child needs fork")
def test_a_writer_killed_at_any_line_leaves_the_old_version_or_the_new_one(run):
    """Fault injection: the child is killed at one line after another, and the model is opened each time."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", KILLED, str(run), "97"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["kills"] >= 10
    assert set(found["labels"]) == {3, 4}
    assert TransferModel.load(run).predict(NEW) == ["new"] * 3


@pytest.mark.parametrize("call", [versions_of, rollback, lambda run: write_version(run, None, {})])
def test_a_folder_that_is_no_run_is_one_sentence(tmp_path, call):
    with pytest.raises(HeadstartError, match="is not a model folder"):
        call(tmp_path)


def test_a_damaged_version_is_not_put_in_force(run):
    taught(run)
    rollback(run)
    file = run / "versions" / "2" / "model.safetensors"
    damaged = bytearray(file.read_bytes())
    damaged[-1] ^= 1
    file.write_bytes(damaged)
    with pytest.raises(DigestError, match=r"versions/2/model.safetensors' has the sha256 digest"):
        rollback(run, 2)
    (run / "versions" / "2" / "config.json").write_text('{"model_type": "headstart", "format_version": 1}')
    with pytest.raises(ModelFolderError, match="versions/2' is damaged"):
        rollback(run, 2)
    assert current_version(run) == 1
