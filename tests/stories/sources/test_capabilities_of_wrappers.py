"""A source or body that claims a capability by its structure has it: each member of each protocol works."""

from contextlib import suppress

import numpy as np
import pytest
import torch

from headstart.engine import capabilities
from headstart.engine.body.recipe import Recipe, recipe_key
from headstart.engine.body.selection import Selection
from headstart.engine.capabilities import reads_positions
from headstart.engine.extract import encode
from headstart.engine.frozen_body import FrozenBody
from headstart.engine.options import Engine
from headstart.engine.variants.int8_body import Int8Body, calibrate
from headstart.engine.variants.selected_body import SelectedBody
from headstart.errors import HeadstartError
from headstart.sources import open_source
from headstart.sources.audio_bodies.yamnet_source import YamnetSource, random_yamnet
from headstart.sources.bodies.seeded import example_pictures
from headstart.sources.bodies.trainable import HasBodyKey, TrainableSource
from headstart.sources.fused import FusedSource
from headstart.sources.module import module
from headstart.sources.quantized import Quantizable, QuantizedSource
from headstart.sources.spectrogram import Spectrogram
from headstart.sources.timm import TimmSource, random_weights
from headstart.sources.timm_bodies.module import TimmSpec
from headstart.sources.toy import ToySource
from headstart.types import Source, SourceInfo

ENGINE = Engine(cache=False)
PICTURES = example_pictures(2, 64)
SOUNDS = [(np.sin(np.arange(9000.0) / k).astype(np.float32), 8000) for k in (2, 3)]
TEXTS = ["a card", "my account is closed"]


def tiny():
    spec = TimmSpec("test_efficientnet", pretrained_cfg={"input_size": (3, 64, 64)})
    return TimmSource(spec, random_weights(spec, 0), SourceInfo("tiny", "image"))


def some(source):
    return source.only_blocks([source.all_blocks()[0].name])


def in_int8(source):
    prepared = np.stack([source.prepare(one) for one in PICTURES])
    return QuantizedSource(source, calibrate(source.body.full, [prepared]).ranges)


SOURCES = {
    "timm": lambda: (tiny(), PICTURES),
    "timm, some blocks": lambda: (some(tiny()), PICTURES),
    "int8": lambda: (in_int8(tiny()), PICTURES),
    "int8, some blocks": lambda: (some(in_int8(tiny())), PICTURES),
    "int8 of some blocks": lambda: (in_int8(some(tiny())), PICTURES),
    "spectrogram": lambda: (Spectrogram(tiny()), SOUNDS),
    "spectrogram, some blocks": lambda: (some(Spectrogram(tiny())), SOUNDS),
    "spectrogram in int8": lambda: (Spectrogram(in_int8(tiny())), SOUNDS),
    "spectrogram of a toy": lambda: (Spectrogram(ToySource(modality="image")), SOUNDS),
    "yamnet": lambda: (YamnetSource(random_yamnet(0), SourceInfo("yamnet", "audio")), SOUNDS),
    "yamnet, some blocks": lambda: (some(YamnetSource(random_yamnet(0), SourceInfo("yamnet", "audio"))), SOUNDS),
    "text": lambda: (open_source("headstart:text"), TEXTS),
    "text, some blocks": lambda: (some(open_source("headstart:text")), TEXTS),
    "fused": lambda: (FusedSource((tiny(), in_int8(tiny()))), PICTURES),
    "fused, some blocks": lambda: (some(FusedSource((tiny(), in_int8(tiny())))), PICTURES),
    "module": lambda: (module(torch.nn.ReLU(), torch.tensor, name="mine", modality="vector"), [[1.0, 2.0], [3.0, 4.0]]),
    "toy": lambda: (ToySource(), TEXTS),
    "vector": lambda: (open_source("vector"), [[1.0, 2.0], [3.0, 4.0]]),
}


def prepared(source, items):
    return [source.prepare(item) for item in items]


def layers(source, _items):
    return source.with_layers("last").info.blocks


def chosen(source, items):
    return source.choose(ENGINE, len(items), lambda: prepared(source, items))


def selected(source, _items):
    every = source.all_blocks()
    assert every or source.wider_rows() is None
    return every and (some(source).info.blocks, source.wider_rows())


def other_body(source, items):
    body = source.body
    assert isinstance(body.full, FrozenBody)
    assert body.runtime.streams >= 1
    again = source.with_body(FrozenBody(body.recipe))
    assert again.info == source.info
    assert np.allclose(encode(again, items), encode(source, items), atol=1e-3, rtol=1e-2)


# every member of each protocol, used as the engine and the stages use it
USED = {
    "BatchPreparing": lambda source, items: source.prepare_many(items),
    "BlockSelecting": selected,
    "Branching": lambda source, _: list(source.branches),
    "Cacheable": chosen,
    "HasRuntime": lambda source, _: (str(source.runtime), source.runtime.streams, source.runtime.reason),
    "ItemNoting": lambda source, items: source.notes_on(items),
    "LabelReading": lambda source, _: (source.label_rows(["a"]), source.label_scale()),
    "LayerChoosing": layers,
    "PositionReading": lambda source, _: bool(source.positions),
    "ReadyRows": lambda source, items: source.ready_rows(items),
    "Releasing": lambda source, _: source.release(),
    "HasBodyKey": lambda source, _: source.body_key + "",
    "TrainableSource": lambda source, _: source.with_module(source.trainable().module, "tuned").info,
    "Quantizable": other_body,
}
PROTOCOLS = {
    name: kind
    for name in capabilities.__all__
    if getattr(kind := getattr(capabilities, name), "_is_protocol", False)
} | {kind.__name__: kind for kind in (HasBodyKey, TrainableSource, Quantizable)}  # fmt: skip


def test_every_protocol_is_used_here():
    assert set(PROTOCOLS) == set(USED)


@pytest.mark.parametrize("name", list(SOURCES))
def test_a_source_has_what_it_claims(name):
    """Kind: isinstance looks at names only; a claimed capability may raise one sentence, but no AttributeError."""
    source, items = SOURCES[name]()
    assert isinstance(source, Source)
    width = sum(block.width for block in source.info.blocks) or len(items[0])
    assert not reads_positions(source)
    assert encode(source, items).shape == (2, width)
    claimed = [kind for kind in PROTOCOLS if isinstance(source, PROTOCOLS[kind])]
    for kind in claimed:
        with suppress(HeadstartError):  # one sentence, such as that the wrapped source has no layers to choose
            USED[kind](source, items)
    assert encode(source, items).shape == (2, width)


def test_the_check_catches_a_planted_claim():
    class Planted(ToySource):
        def with_body(self, _body):
            return self

    planted = Planted()
    planted.body = object()
    assert isinstance(planted, Quantizable)
    with pytest.raises(AttributeError):
        USED["Quantizable"](planted, TEXTS)


def bodies():
    convolution = torch.nn.Conv2d(3, 2, 3).eval()

    def build():
        return convolution, lambda inner, x: [x.flatten(1)[:, :1], inner(x).flatten(1)]

    def build_first():
        return build()[0], lambda _, x: [x.flatten(1)[:, :1]]

    x = np.random.default_rng(0).uniform(0, 1, (4, 3, 4, 4)).astype(np.float32)
    recipe = Recipe(recipe_key("two blocks"), build, lambda: x, lasting=False)
    full, first = FrozenBody(recipe), Selection((0,), (1, 8), build_first)
    rounded = Int8Body(recipe, calibrate(full, [x]).ranges)
    return x, [full, SelectedBody(full, first), rounded, SelectedBody(rounded, first)]


def test_every_variant_of_a_body_has_what_sources_use():
    """Kind: what takes the place of a body has its members."""
    x, made = bodies()
    for body in made:
        assert body.choose("auto", 4, lambda: x).partition(" ")[0] == body.runtime.backend
        assert len(body(x)) == 4
        assert body.full.full is body.full
        assert body.recipe is made[0].recipe
        assert body.runtime.streams >= 1
        assert body.release() is False  # not lasting
