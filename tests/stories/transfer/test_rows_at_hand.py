"""Rows of the fit from the feature store, where the run folder is too small to keep them."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

import headstart
from headstart.engine.options import Engine
from headstart.errors import DataError
from headstart.io import read_parquet
from headstart.model import certainty
from headstart.model.versions import versions_of
from headstart.transfer.forget import forget
from headstart.transfer.update import update

TEXTS = [f"{word} {k}" for k in range(8) for word in ("where is parcel", "refund payment", "change address")]
LABELS = ["parcel", "refund", "address"] * 8
NEW = ([f"thank you very much {k}" for k in range(6)], ["thanks"] * 6)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A run whose rows are more than the folder keeps, and the same run with its rows."""
    place = tmp_path_factory.mktemp("made")
    runs = []
    with pytest.MonkeyPatch.context() as patch:
        for name, limit in (("whole", certainty.MOST_BYTES), ("bare", 1000)):
            patch.setattr(certainty, "MOST_BYTES", limit)
            how = {"source": "headstart:text", "heads": ("lda",), "baselines": "none", "verbose": False}
            headstart.fit((TEXTS, LABELS), out=place / name, **how)
            runs.append(place / name)
    return runs


@pytest.fixture
def runs(made, tmp_path, monkeypatch):
    monkeypatch.setattr(certainty, "MOST_BYTES", 1000)
    return [Path(shutil.copytree(run, tmp_path / run.name)) for run in made]


def test_an_update_chooses_and_scores_as_one_whose_rows_are_kept(runs):
    whole, bare = runs
    assert headstart.load(whole).certainty.rows is not None
    assert headstart.load(bare).certainty.rows is None
    wanted, found = (update(run, NEW, verbose=False) for run in runs)
    assert found.chosen
    assert not any("not at hand" in note for note in found.notes)
    np.testing.assert_array_equal(found.model.head.weight, wanted.model.head.weight)
    np.testing.assert_array_equal(found.model.certainty.scores, wanted.model.certainty.scores)
    kept = headstart.load(bare)
    assert (kept.certainty.rows, len(kept.certainty.ids), kept.certainty.units) == (None, 30, 30)
    assert kept.predict_sets(["thank you"], 0.8)
    table = read_parquet(versions_of(bare)[1].folder / "splits.parquet").to_pydict()
    assert None not in table["row_key"]
    assert update(bare, (["no, thank you"], ["thanks"]), verbose=False).chosen  # the next one finds them too


def test_items_are_forgotten_by_name_and_the_certificate_compares_with_a_refit(runs):
    found = forget(runs[1], ["3", "4"], verbose=False)
    assert found.certificate["equal"] is True
    assert found.chosen


@pytest.mark.parametrize("lost", ["cache off", "key missing", "key damaged"])
def test_where_the_store_does_not_hold_all_of_them_it_is_said(runs, lost):
    bare = runs[1]
    if lost != "cache off":
        import pandas as pd

        table = pd.read_parquet(bare / "splits.parquet")
        table.loc[2, "row_key"] = None if lost == "key missing" else "no digest"
        table.to_parquet(bare / "splits.parquet")
    engine = Engine(cache=False) if lost == "cache off" else None
    found = update(bare, NEW, engine=engine, verbose=False)
    assert found.chosen is False
    assert any("are not at hand" in note for note in found.notes)
    assert headstart.load(bare).predict(NEW[0]) == NEW[1]
    with pytest.raises(DataError, match="keeps no rows"):
        forget(bare, ["3"], engine=engine, verbose=False)
