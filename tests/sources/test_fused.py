"""Several sources as one: rows, failures, gaps, the feature store, save and open."""

import numpy as np
import pytest

from headstart.engine.extract import extract
from headstart.engine.options import Engine
from headstart.engine.pipeline import gathering
from headstart.errors import ItemError, ParameterError, SourceError
from headstart.sources.columns import ColumnsSource
from headstart.sources.default import multimodal_source, source_for
from headstart.sources.fused import FusedSource
from headstart.sources.registry import open_saved, open_source
from headstart.sources.toy import ToySource
from headstart.sources.vector import VectorSource
from headstart.types import Dataset

PLAIN = Engine(cache=False)
TEXTS = ["good day", "", "bad night", "good day"]


def test_rows_are_those_of_the_parts_side_by_side():
    fused = FusedSource((ToySource(), ToySource(1)))
    found = extract(fused, TEXTS, engine=PLAIN)
    kept = [TEXTS[k] for k in found.index]
    assert found.index.tolist() == [0, 2, 3]
    assert found.failures == {1: "The text is empty."}
    assert np.array_equal(found.rows, np.hstack([ToySource().encode(kept), ToySource(1).encode(kept)]))
    assert np.array_equal(fused.forward([fused.prepare(text) for text in kept]), found.rows)


def test_failures_of_any_part_are_united():
    class Picky(ToySource):
        def prepare(self, item):
            if item == "bad night":
                raise ItemError("Dark.")
            return super().prepare(item)

    found = extract(FusedSource((ToySource(), Picky(seed=3))), TEXTS, engine=PLAIN)
    assert found.index.tolist() == [0, 3]
    assert found.failures == {1: "The text is empty.", 2: "Dark."}
    assert np.array_equal(found.rows[:, :96], ToySource().encode(["good day", "good day"]))


def test_each_part_uses_its_own_entries_of_the_feature_store(tmp_path, monkeypatch):
    monkeypatch.setenv("HEADSTART_CACHE", str(tmp_path))
    extract(ToySource(), ["good", "bad"])
    first = extract(FusedSource((ToySource(), ToySource(1))), ["good", "bad"])
    assert (first.encoded, first.hits) == (2, 0)  # the second part was new
    again = extract(FusedSource((ToySource(1), ToySource())), ["good", "bad"])
    assert (again.encoded, again.hits) == (0, 2)


def test_large_rows_live_in_a_file(monkeypatch):
    monkeypatch.setattr(gathering, "MEMORY_BYTES", 1000)
    rows = extract(FusedSource((ToySource(), ToySource(1))), ["good", "bad"], engine=PLAIN).rows
    assert isinstance(rows, np.memmap)
    assert np.array_equal(rows[:, 96:], ToySource(1).encode(["good", "bad"]))


def test_facts_are_those_of_the_parts_together():
    info = FusedSource((ToySource(), ToySource(1))).info
    assert (info.name, info.license) == ("fused:toy+toy (untrained, seed 1)", "Apache-2.0")
    assert [block.name for block in info.blocks][1:3] == ["toy/trigrams", "toy (untrained, seed 1)/letters"]
    assert len({block.part for block in info.blocks}) == 2


def test_two_sources_of_one_name_are_told_apart():
    assert FusedSource((ToySource(), ToySource())).names == ("toy (1)", "toy (2)")


def test_saved_and_opened_again(tmp_path):
    fused = FusedSource((ToySource(), ToySource()), labels=("one", "two"))
    opened = open_saved(fused.save(tmp_path), tmp_path, "text")
    assert np.array_equal(opened.encode(["good"]), fused.encode(["good"]))
    assert opened.info.blocks == fused.info.blocks


def test_opened_by_its_name():
    assert open_source("fused:toy+toy", modality="text").encode(["good"]).shape == (1, 192)


def test_the_untrained_twin_has_untrained_parts():
    twin = FusedSource((ToySource(), ToySource(1))).untrained(4)
    assert np.array_equal(twin.encode(["good"])[:, :96], ToySource(5).encode(["good"]))


def test_parts_of_different_kinds_are_refused():
    with pytest.raises(SourceError, match="image, text"):
        FusedSource((ToySource(), ToySource(modality="image")))
    with pytest.raises(SourceError, match="does not state its blocks of columns"):
        FusedSource((VectorSource(), VectorSource()))
    with pytest.raises(ParameterError, match="2 parts and 1 positions"):
        FusedSource((ToySource(), ToySource()), (0,))


def test_several_rows_an_item_are_refused():
    with pytest.raises(SourceError, match="one row per item"):
        extract(FusedSource((ToySource(positions=True), ToySource())), ["good day"], engine=PLAIN)


def test_missing_parts_of_an_item_are_rows_of_zeros_with_an_indicator():
    fused = FusedSource((ToySource(), ToySource(1)), (0, 1), ("a", "b"))
    items = [("good", None), (None, "bad"), ("", "bad"), ("day", "night")]
    found = extract(fused, items, engine=PLAIN)
    assert found.index.tolist() == [0, 1, 3]
    assert found.rows[:, 96].tolist() == [0, 1, 0]
    assert found.rows[:, 193].tolist() == [1, 0, 0]
    assert not found.rows[1, :96].any()
    assert np.array_equal(found.rows[2, 97:193], ToySource(1).encode(["night"])[0])
    kept = [items[k] for k in found.index]
    assert np.array_equal(fused.forward([fused.prepare(item) for item in kept]), found.rows)


def test_a_part_that_is_always_missing():
    rows = extract(FusedSource((ToySource(), ToySource(1)), (0, 1)), [("good", None)], engine=PLAIN).rows
    assert rows[0, 97:].tolist() == [0.0] * 96 + [1.0]


def test_numbers_and_categories(tmp_path):
    items = [(1.0, "a"), (None, "b"), (5.0, "a"), (9.0, None)]
    source = ColumnsSource.learn(["price", "brand"], ["number", "category"], items)
    rows = source.encode(items)
    assert rows.tolist() == [[1, 0, 1, 0], [5, 1, 0, 1], [5, 0, 1, 0], [9, 0, 0, 0]]
    opened = open_saved(source.save(tmp_path), tmp_path, "vector")
    assert opened == source
    found = extract(source, [("dear", "a")], engine=PLAIN)
    assert found.failures == {0: "Column 'price' must hold numbers. Got 'dear' instead."}


def test_a_source_for_each_column(monkeypatch):
    monkeypatch.setattr("headstart.sources.default.installed_sources", lambda: {"headstart:image"})
    data = Dataset([("a", "b", (1.0,))], ("0",), "multimodal", columns=("x:text", "y:text", "n:number"))
    source = source_for(data, ["x=toy", "y=toy"])
    assert source.labels == ("x", "y", "columns")
    assert source.positions == (0, 1, 2)
    both = source_for(data, [ToySource(), ToySource(1), "y=toy"])
    assert both.labels == ("x by toy", "x by toy (untrained, seed 1)", "y", "columns")
    with pytest.raises(SourceError, match="no item column holds any"):
        multimodal_source(data, [ToySource(modality="audio")], lambda _, name, *__: name)
    pictures = Dataset([("a.png",)], ("0",), "multimodal", columns=("p:image",))
    assert source_for(pictures, None).parts[0].info.name == "headstart:image"
