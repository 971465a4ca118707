"""What a source may offer: a source without any of it works everywhere, and a wrapper passes on what it wraps."""

from __future__ import annotations

import numpy as np
import pytest

import headstart
from headstart.engine.body.recipe import Recipe, recipe_key
from headstart.engine.capabilities import (
    BatchPreparing,
    Branching,
    Cacheable,
    HasRuntime,
    LabelReading,
    LayerChoosing,
    PositionReading,
    ReadyRows,
    Releasing,
    Runtime,
    reads_positions,
    runtime_of,
)
from headstart.engine.extract import extract
from headstart.engine.frozen_body import FrozenBody
from headstart.engine.moments import moments_of
from headstart.engine.options import Engine
from headstart.errors import ItemError, SourceError
from headstart.sources import open_source
from headstart.sources.bodies.trainable import HasBodyKey, TrainableSource, body_key, trainable
from headstart.sources.fused import FusedSource
from headstart.sources.spectrogram import Spectrogram
from headstart.sources.toy import ToySource
from headstart.transfer.ranking.growing_rows import GrowingRows
from headstart.transfer.stages.label_texts import class_rows
from headstart.types import Block, Source, SourceInfo

PLAIN = Engine(cache=False)
CAPABILITIES = (
    BatchPreparing, Branching, Cacheable, HasBodyKey, HasRuntime, LabelReading, LayerChoosing, PositionReading,
    ReadyRows, TrainableSource,
)  # fmt: skip


COUNTS = (Block("counts", 2),)


class Lengths:
    """The counts of two letters of a text: what `Source` asks for and nothing else."""

    def __init__(self, modality="text", blocks=COUNTS):
        self.info = SourceInfo("lengths", modality, 2, blocks)

    def prepare(self, item):
        if isinstance(item, str) and not item:
            raise ItemError("The text is empty.")
        return [item.count("a"), item.count("b")] if isinstance(item, str) else [float(item.mean()), 1.0]

    def forward(self, prepared):
        return np.array(prepared, np.float32)

    def encode(self, items):
        return self.forward([self.prepare(item) for item in items])

    def untrained(self, seed):  # noqa: ARG002 - there is no body
        return None

    def save(self, folder):  # noqa: ARG002 - nothing needs to be written
        return {"name": "lengths"}


TEXTS = [letter * k for k in range(1, 21) for letter in "ab"]
LABELS = [text[0] for text in TEXTS]


def test_a_source_with_the_required_methods_alone_is_a_source_and_offers_nothing():
    assert isinstance(Lengths(), Source)
    assert [kind.__name__ for kind in CAPABILITIES if isinstance(Lengths(), kind)] == []
    assert runtime_of(Lengths()) == Runtime()
    assert not reads_positions(Lengths())
    assert body_key(Lengths()) == "lengths"


@pytest.mark.parametrize("blocks", [COUNTS, ()])
def test_it_is_encoded_fitted_and_predicts(blocks, tmp_path):
    source = Lengths(blocks=blocks)
    found = extract(source, ["a", "", "bb"])
    np.testing.assert_array_equal(found.rows, [[1, 0], [0, 2]])
    assert (found.failures, found.backend, found.precision) == ({1: "The text is empty."}, "", "")
    run = headstart.fit((TEXTS, LABELS), source=source, modality="text", baselines="none", out=tmp_path / "run")
    assert run.model.predict(["aaaaa", "bbbbb"]) == ["a", "b"]
    again = headstart.load(tmp_path / "run", source=source)
    np.testing.assert_array_equal(again.predict_proba(TEXTS), run.model.predict_proba(TEXTS))


def test_it_gives_moments_growing_rows_and_class_rows():
    assert moments_of(Lengths(), TEXTS, np.ones((40, 1)), engine=PLAIN).moments.n == 40
    rows = GrowingRows(Lengths(), TEXTS, PLAIN)
    assert len(rows.grow(np.arange(4))) == 4
    np.testing.assert_array_equal(class_rows(Lengths(), ["a", "b_a"], engine=PLAIN), [[1, 0], [1, 1]])


def test_what_it_lacks_is_said_in_one_sentence():
    with pytest.raises(SourceError, match="has no body that can be fine-tuned"):
        trainable(Lengths())
    sounds = Spectrogram(Lengths("image"))
    with pytest.raises(SourceError, match="has no layers to choose"):
        sounds.with_layers("last")
    with pytest.raises(SourceError, match="has no text tower"):
        class_rows(Lengths("image"), ["a", "b"])


def test_it_can_be_wrapped():
    sound = (np.sin(np.arange(4000.0)).astype(np.float32), 8000)
    sounds = Spectrogram(Lengths("image"))
    assert sounds.choose(PLAIN, 1, list) is None
    assert (sounds.runtime, sounds.positions, extract(sounds, [sound]).rows.shape) == (Runtime(), False, (1, 2))
    assert body_key(sounds).startswith("lengths PictureSettings(")
    fused = FusedSource((Lengths(), ToySource()))
    np.testing.assert_array_equal(extract(fused, ["aab"]).rows[0, :2], [2, 1])


def test_a_wrapper_passes_on_what_it_wraps():
    toy = ToySource(modality="image")
    sounds = Spectrogram(toy)
    assert sounds.choose(PLAIN, 1, list) is not None
    assert [block.name for block in sounds.with_layers("last").info.blocks] == ["trigrams"]
    assert reads_positions(sounds.with_layers("last", positions=True))
    image = open_source("headstart:image")
    image.choose(Engine("torch", cache=False), 1, list)
    assert Spectrogram(image).runtime == image.runtime
    assert Spectrogram(image).runtime.backend == "torch"
    assert body_key(Spectrogram(image)).startswith(f"{image.body_key} ")
    assert [part for part, _ in FusedSource((ToySource(), ToySource(1))).branches] == [ToySource(), ToySource(1)]


@pytest.mark.parametrize("name", ["headstart:image", "headstart:text"])
def test_a_body_says_that_each_position_has_a_row(name):
    """A first batch of many such items might not fit into memory, so it is kept small."""
    source = open_source(name)
    assert not reads_positions(source)
    assert reads_positions(source.with_layers("last", positions=True))


def test_asking_loads_and_chooses_nothing():
    def build():
        raise AssertionError

    body = FrozenBody(Recipe(recipe_key("never built"), build, build, lasting=False))
    assert isinstance(body, HasRuntime)
    assert (body.runtime, str(body.runtime)) == (Runtime(), "")


def test_the_hint_and_the_reason_of_a_runtime_are_told():
    class Told(Lengths):
        runtime = Runtime("torch", "fp32", reason="nothing else was there", hint="more could be had", streams=2)

    found = extract(Told(), TEXTS, engine=PLAIN)
    assert (found.backend, found.precision) == ("torch", "fp32")
    assert (found.notes, found.details) == (("more could be had",), ("nothing else was there",))


def test_a_released_body_opens_again_with_the_same_rows_and_one_without_a_cache_stays_open():
    source = open_source("headstart:text").with_layers("last")
    wanted = source.encode(["a card", "my account"])
    assert isinstance(source, Releasing)
    assert source.body.release()
    assert source.body._running is None
    assert np.array_equal(source.encode(["a card", "my account"]), wanted)

    def build():
        import torch

        return torch.nn.Identity(), lambda module, x: [module(x)]

    once = FrozenBody(Recipe(recipe_key("once"), build, lambda: np.ones((4, 1), np.float32), lasting=False))
    once(np.ones((2, 1), np.float32))
    assert not once.release()
    assert once._running is not None
