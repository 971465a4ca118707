"""`forget` and its command: exact, by names, lists and items, with a certificate; what is not unlearned; purging."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from small_models import clusters

import headstart
from headstart.cli.main import main
from headstart.errors import DataError, NoModelError, SaveError, UsageError
from headstart.io import read_json, read_parquet
from headstart.linear.moments import Moments
from headstart.model.files.version_files import write_pointer
from headstart.model.updating.solved_again import solved_head
from headstart.transfer.forget import CERTIFICATE, _Gone, _versions_that_knew, forget
from headstart.transfer.teaching.steps import open_for_change
from headstart.transfer.update import update

ROWS, LABELS = clusters(60)
GONE = ["3", "17", "44"]
LEFT = [k for k in range(60) if str(k) not in GONE]


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    place = tmp_path_factory.mktemp("made") / "run"
    headstart.fit((ROWS, LABELS), baselines="none", verbose=False, out=place)
    return place


@pytest.fixture
def run(made, tmp_path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "run"))


def test_the_model_is_the_fit_on_the_rest(run):
    found = forget(run, GONE, choose=False, verbose=False)
    head = found.model.head
    y = np.eye(3)[[found.model.task.labels.index(LABELS[k]) for k in LEFT]]
    wanted, _ = solved_head(head, found.model.task, Moments.from_rows(head.feature_map(ROWS[LEFT]), y))
    np.testing.assert_allclose(head.weight, wanted.weight, atol=1e-8 * np.abs(wanted.weight).max())
    opened = headstart.load(run)
    np.testing.assert_array_equal(opened.head.weight, head.weight)
    assert len(opened.certainty.ids) == 57
    assert set(GONE).isdisjoint(opened.certainty.ids)
    assert set(GONE).isdisjoint(read_parquet(opened.folder / "splits.parquet").to_pydict()["id"])


def test_the_certificate_holds_digests_the_difference_to_a_refit_and_what_stays(run):
    found = forget(run, GONE, verbose=False)
    certificate = read_json(found.version.folder / CERTIFICATE)
    assert certificate["equal"] is True
    assert certificate["largest_difference_to_refit"] <= certificate["bound"] == 1e-8
    assert certificate["moments"]["items"] == {"before": 60, "after": 57}
    digests = certificate["moments"]["sha256"]
    assert digests["before"] != digests["after"]
    assert certificate["items"]["sha256"] == sorted(hashlib.sha256(name.encode()).hexdigest() for name in GONE)
    said = " ".join(certificate["not_unlearned"])
    for words in ("source 'vector' are unchanged", "kind of head", "still holds versions that knew them (1)"):
        assert words in said
    text = json.dumps(certificate)
    assert not any(f'"{name}"' in text for name in GONE)


def test_penalties_that_were_chosen_with_the_items_are_chosen_anew_or_it_is_said(run):
    found = forget(run, GONE, verbose=False)
    assert found.chosen
    assert not any("λ" in note for note in found.notes)
    headstart.rollback(run)
    assert any("λ and calibration were chosen" in note for note in forget(run, GONE, choose=False, verbose=False).notes)


def test_update_then_forget_is_the_model_before(run):
    first = headstart.load(run)
    added = update(run, ((ROWS[:5] + np.float32(0.5)).tolist(), LABELS[:5]), choose=False, verbose=False)
    found = forget(run, added.added, choose=False, verbose=False)
    np.testing.assert_allclose(found.model.head.weight, first.head.weight, atol=1e-8)
    assert found.version.about["base"] == 2


def test_items_are_found_by_what_they_hold(run):
    found = forget(run, data=(ROWS[[3, 17, 44]], [LABELS[k] for k in (3, 17, 44)]), verbose=False)
    assert sorted(found.removed, key=int) == GONE
    with pytest.raises(DataError, match="None of the 1 items is in the fit"):
        forget(run, data=(ROWS[[3]], [LABELS[3]]), verbose=False)


def test_without_kept_rows_the_items_themselves_are_needed_and_enough(run):
    (run / "certainty.safetensors").unlink()
    config = read_json(run / "config.json")
    del config["sha256"]["certainty.safetensors"]
    (run / "config.json").write_text(json.dumps(config))
    with pytest.raises(DataError, match="give the items themselves"):
        forget(run, GONE, verbose=False)
    before = headstart.load(run)
    found = forget(run, data=(ROWS[[3, 17]], [LABELS[3], LABELS[17]]), verbose=False)
    wanted = before.forget(ROWS[[3, 17]], [LABELS[3], LABELS[17]])
    np.testing.assert_allclose(found.model.head.weight, wanted.head.weight, atol=1e-8)
    assert found.certificate["equal"] is None
    assert any("no coverage" in note for note in found.notes)


def test_purging_deletes_the_versions_that_knew_the_items_and_no_others(run):
    added = update(run, ((ROWS[:5] + np.float32(0.5)).tolist(), LABELS[:5]), verbose=False)
    found = forget(run, added.added[:1], purge=True, verbose=False)
    assert [one.number for one in headstart.versions_of(run)] == [1, 3]
    assert found.certificate["versions_that_knew"] == [2]
    found = forget(run, GONE, purge=True, verbose=False)
    assert [one.number for one in headstart.versions_of(run)] == [4]
    with pytest.raises(NoModelError, match="deleted with the items"):
        headstart.load(run, version=1)
    assert headstart.load(run).predict(ROWS[:1])
    assert not (run / "report.html").exists()


def test_names_that_are_not_in_the_fit_and_all_items_are_refused(run):
    with pytest.raises(DataError, match="1 item is not in the fit: 'nobody'"):
        forget(run, ["3", "nobody"], verbose=False)
    with pytest.raises(UsageError, match="Name the items"):
        forget(run, verbose=False)
    with pytest.raises(UsageError, match="at least one must remain"):
        forget(run, [str(k) for k in range(60)], verbose=False)
    assert len(headstart.versions_of(run)) == 1


def test_a_class_without_items_is_never_answered_any_more(run):
    bees = [str(k) for k in range(60) if LABELS[k] == "bee"]
    found = forget(run, bees, verbose=False)
    assert "bee" not in headstart.load(run).predict(ROWS)
    assert found.certificate["equal"]


def test_the_command_takes_names_a_list_and_a_table(run, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "44").write_text("a file that has the name of an item")
    (tmp_path / "gone.txt").write_text("17\n\n3\n")
    out = tmp_path / "c.json"
    assert main(["forget", str(run), "44", "@gone.txt", "--out", str(out)]) == 0
    said = capsys.readouterr().out
    assert "3 items were removed" in said
    assert "equal to a fit on the other items" in said
    assert read_json(out)["version"] == 2
    assert main(["forget", str(run), "44"]) == 2
    assert main(["forget", str(run), "@nowhere.txt"]) == 2
    assert main(["forget", str(run), "5", "--out", str(tmp_path / "c.csv")]) == 2
    capsys.readouterr()
    assert main(["forget", str(run), "5", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["certificate"]["equal"] is True


def test_where_the_contents_of_an_item_are_not_known_all_versions_knew_it(run):
    update(run, ((ROWS[:5] + np.float32(0.5)).tolist(), LABELS[:5]), verbose=False)
    opened = open_for_change(run, None)
    unknown = _Gone(("an item of an earlier release",), [], (), ROWS[:1], np.array([0]))
    assert _versions_that_knew(opened, unknown) == [1, 2]


def test_corrections_that_a_server_kept_are_said_to_stay(run):
    (Path(run) / "feedback.db").write_bytes(b"")
    found = forget(run, GONE[:1], purge=True, verbose=False)
    assert any("feedback.db" in note for note in found.notes)
    assert (Path(run) / "feedback.db").is_file()


def test_a_certificate_says_purged_only_when_the_files_are_gone(run, monkeypatch):
    """The process ends between the pointer and the deletion: the certificate is true then, and afterwards."""

    def refused(_run, number):
        raise SaveError(f"version {number} cannot be deleted")

    with monkeypatch.context() as patch:
        patch.setattr("headstart.model.versions.delete_version", refused)
        with pytest.raises(SaveError, match="cannot be deleted"):
            forget(run, GONE, purge=True, verbose=False)
    assert [one.number for one in headstart.versions_of(run)] == [2]  # in force, and the other cannot be opened
    certificate = read_json(run / "versions" / "2" / CERTIFICATE)
    assert (certificate["purged"], certificate["to_purge"]) == (False, [1])
    assert (run / "report.html").exists()
    (run / "notes.txt").write_text("of the user")
    headstart.rollback(run, 2)  # any writer finishes it
    certificate = read_json(run / "versions" / "2" / CERTIFICATE)
    assert (certificate["purged"], certificate["to_purge"]) == (True, [])
    assert not any("being deleted" in one for one in certificate["not_unlearned"])
    assert not (run / "report.html").exists()
    assert (run / "notes.txt").exists()


def test_files_of_the_user_are_named_in_the_certificate_and_stay(run):
    (run / "my-notes.txt").write_text("item 17 is odd")
    found = forget(run, GONE, purge=True, verbose=False)
    assert found.certificate["purged"] is True
    assert any("my-notes.txt" in note for note in found.notes)
    assert (run / "my-notes.txt").exists()
    assert read_json(found.version.folder / CERTIFICATE)["purged"] is True


def test_a_version_whose_process_was_killed_is_purged_too_if_it_knew_the_items(run, monkeypatch):
    def killed(_run, pointer):
        if pointer.version > 1:
            raise KeyboardInterrupt
        write_pointer(_run, pointer)

    with monkeypatch.context() as patch:
        patch.setattr("headstart.model.versions.write_pointer", killed)
        with pytest.raises(KeyboardInterrupt):
            update(run, (ROWS[:5] + np.float32(0.5), LABELS[:5]), verbose=False)
    assert (run / "versions" / "2" / "splits.parquet").exists()
    found = forget(run, GONE, purge=True, verbose=False)
    assert found.certificate["versions_that_knew"] == [1, 2]
    assert not (run / "versions" / "2").exists()
    assert found.version.number == 3
