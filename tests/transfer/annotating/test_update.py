"""Updates of models that annotate items: what is added, refused and written."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import headstart
from headstart.annotations import Sentence, Span
from headstart.cli.demonstration.annotations import drawn_cells, made_sentences
from headstart.cli.main import main
from headstart.errors import DataError, ModelFolderError, ParameterError
from headstart.model import AnnotationModel
from headstart.model.versions import rollback, versions_of
from headstart.transfer.annotating.run import AnnotationRun

NEW = "Mercury\tB-planet\nrose\tO\n\nZed\tB-person\nslept\tO\n\n"


@pytest.fixture(scope="module")
def fitted() -> AnnotationRun:
    return headstart.fit(made_sentences(12), source="toy", baselines="none", verbose=False)


@pytest.fixture
def run(fitted: AnnotationRun, tmp_path: Path) -> Path:
    return fitted.save(tmp_path / "run")


def same(one: AnnotationModel, other: AnnotationModel) -> None:
    assert one.task == other.task
    for name, value in one.head.tensors().items():
        np.testing.assert_allclose(value, other.head.tensors()[name], rtol=1e-8, atol=1e-8)


def test_an_opened_model_is_updated_as_the_one_in_memory_and_undone_by_forget(fitted: AnnotationRun, run: Path) -> None:
    items, spans = [Sentence.of_words(["Mercury", "rose"])], [(Span(0, 1, "place"),)]
    opened = headstart.load(run)
    assert isinstance(opened, AnnotationModel)
    made = opened.update(items, spans)
    same(made, fitted.model.update(items, spans))
    same(made.forget(items, spans), fitted.model)
    assert not np.allclose(made.head.tensors()["weight"], fitted.model.head.tensors()["weight"], atol=1e-6)


def test_copies_do_not_count_and_versions_are_kept(run: Path) -> None:
    before = headstart.load(run)
    nothing = headstart.update(run, made_sentences(12), verbose=False)
    assert (nothing.version, len(nothing.duplicates), nothing.sentence) == (None, 12, "Nothing changed.")
    found = headstart.update(run, made_sentences(20, seed=5), verbose=False)
    assert found.version is not None
    assert found.version.number == 2
    assert len(found.added) + len(found.duplicates) == 20
    assert len(headstart.update(run, made_sentences(20, seed=5), verbose=False).added) == 0  # they are known by now
    same(headstart.load(run), found.model)
    assert [version.what for version in versions_of(run)] == ["fit", "update"]
    rollback(run)
    same(headstart.load(run), before)


def test_no_item_counts_twice_in_memory_either(fitted: AnnotationRun, tmp_path: Path) -> None:
    model, new = fitted.model, made_sentences(12, seed=5)
    again = headstart.update(model, made_sentences(12), verbose=False)
    assert (len(again.duplicates), again.sentence) == (12, "Nothing changed.")
    doubled = replace(new.take(np.tile(np.arange(12), 2)), ids=tuple(map(str, range(24))))
    twice = headstart.update(model, doubled, verbose=False)
    once = headstart.update(model, new, verbose=False)
    assert len(twice.added) == len(once.added) > 0
    same(twice.model, once.model)
    assert headstart.update(once.model, new, verbose=False).added == ()
    bare = headstart.load(model.save(tmp_path / "bare"))
    said = headstart.update(bare, new, verbose=False)
    assert any("copies of these cannot be found" in note for note in said.notes)
    assert not any("cannot be found" in note for note in once.notes)
    items, spans = list(new.items[:2]), [tuple(one) for one in new.y[:2]]
    back = model.update(items, spans).forget(items, spans)  # its own methods: what it holds is no longer known
    assert len(headstart.update(back, new, verbose=False).added) == len(once.added)


def test_test_items_that_the_model_has_seen_are_said(fitted: AnnotationRun, run: Path) -> None:
    test = made_sentences(12, seed=11)
    clean = headstart.update(run, made_sentences(12, seed=5), test=test, verbose=False)
    assert not any("too good" in note for note in clean.notes)
    leaking = headstart.update(fitted.model, test, test=test, verbose=False)
    assert "This model was fitted on 12 of the 12 test sentences, so these metrics are too good." in leaking.notes
    old = headstart.update(run, made_sentences(3, seed=9), test=made_sentences(12), verbose=False)
    assert "This model was fitted on 12 of the 12 test sentences, so these metrics are too good." in old.notes


def test_the_command_learns_new_types_and_judges_before_and_after(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    labels, data = headstart.load(run).task.labels, tmp_path / "new.conll"
    data.write_text(NEW)
    assert main(["update", str(run), str(data), "--test", str(data), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["added"], said["new_labels"], said["version"], said["chosen_anew"]) == (2, ["planet"], 2, False)
    assert {"span_f1"} <= set(said["before"]["metrics"]) & set(said["after"]["metrics"])
    assert headstart.load(run).task.labels == (*labels, "planet")
    assert main(["update", str(run), str(data), "--relabel"]) == 2
    assert "leave relabel out" in capsys.readouterr().err


def test_what_cannot_be_updated_is_refused_in_one_sentence(fitted: AnnotationRun) -> None:
    trained = replace(fitted.model, sums=None, card={"head": {"name": "random field on frozen rows"}})
    with pytest.raises(DataError, match=r"was trained \(random field on frozen rows\).*headstart fit ALL_DATA"):
        headstart.update(trained, made_sentences(2), verbose=False)
    large = replace(fitted.model, sums=None, card={"head": {"name": "closed-form head"}})
    with pytest.raises(DataError, match="without its moments"):
        headstart.update(large, made_sentences(2), verbose=False)
    with pytest.raises(DataError, match="is mask, but that of the model is token"):
        headstart.update(fitted, drawn_cells(1), verbose=False)
    with pytest.raises(ParameterError, match="leave relabel out"):
        headstart.update(fitted, made_sentences(2), relabel=True, verbose=False)
    with pytest.raises(DataError, match="2 items and 1 annotations"):
        fitted.model.update(["a", "b"], [()])
    with pytest.raises(DataError, match="task 'token'"):
        fitted.model.update(["a"], ["PER"])
    with pytest.raises(DataError, match="does not know the type 'x'"):
        fitted.model.forget(["a"], [(Span(0, 1, "x"),)])


def test_damaged_sums_are_refused_on_opening(run: Path) -> None:
    config = json.loads((run / "config.json").read_text())
    config["annotation_sums"]["kappa"] = -5
    (run / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelFolderError, match="kappa must be"):
        headstart.load(run)
    (run / "moments.safetensors").write_bytes(b"")
    with pytest.raises(headstart.errors.HeadstartError, match=r"moments\.safetensors"):
        headstart.load(run)
