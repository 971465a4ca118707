"""Sources of one body that leave out blocks: rows are columns of the complete ones, and layers above do not run."""

import pickle

import numpy as np
import pytest
import torch

from headstart.engine.extract import extract
from headstart.engine.options import Engine
from headstart.engine.variants.int8_body import calibrate
from headstart.errors import SourceError, UnknownNameError
from headstart.sources.audio_bodies.yamnet_source import YamnetSource, random_yamnet
from headstart.sources.bodies.seeded import example_pictures
from headstart.sources.keras_bodies.keras_source import KerasSource, KerasSpec, KerasWeights
from headstart.sources.quantized import QuantizedSource
from headstart.sources.timm import TimmSource, random_weights
from headstart.sources.timm_bodies.module import TimmSpec
from headstart.types import SourceInfo

PICTURES = example_pictures(3, 64)
SOUNDS = [(np.sin(np.arange(9000.0) / k).astype(np.float32), 8000) for k in (2, 3, 5)]


def timm():
    spec = TimmSpec("test_efficientnet", pretrained_cfg={"input_size": (3, 64, 64)})
    return TimmSource(spec, random_weights(spec, 0), SourceInfo("tiny", "image")), PICTURES


def keras():
    def conv(name, filters):
        return {
            "class_name": "Conv2D",
            "config": {
                "name": name, "filters": filters, "kernel_size": [3, 3], "strides": [1, 1], "padding": "same",
                "activation": "relu", "use_bias": True,
            },
        }  # fmt: skip

    layers = [
        {"class_name": "InputLayer", "config": {"name": "in", "batch_shape": [None, 16, 16, 3]}},
        conv("one", 4),
        {"class_name": "MaxPooling2D", "config": {"name": "half", "pool_size": [2, 2], "strides": [2, 2]}},
        conv("two", 8),
        {"class_name": "GlobalAveragePooling2D", "config": {"name": "mean"}},
        {"class_name": "Dense", "config": {"name": "out", "units": 3, "use_bias": True, "activation": "softmax"}},
    ]
    spec = KerasSpec({"class_name": "Sequential", "config": {"layers": layers}}, "tf", 16)
    return KerasSource(spec, KerasWeights("seed 0", None), SourceInfo("tiny", "image"), layers="all"), PICTURES


def yamnet():
    return YamnetSource(random_yamnet(0), SourceInfo("yamnet", "audio")), SOUNDS


def int8():
    source, items = timm()
    batch = np.stack([source.prepare(item) for item in items])
    return QuantizedSource(source, calibrate(source.body, [batch]).ranges), items


MADE = {"timm": timm, "keras": keras, "yamnet": yamnet, "int8": int8}


@pytest.fixture(scope="module", params=list(MADE))
def made(request):
    return MADE[request.param]()


def columns(source, names):
    stops = np.cumsum([block.width for block in source.info.blocks])
    named = zip(source.info.blocks, stops, strict=True)
    return np.concatenate([np.arange(stop - b.width, stop) for b, stop in named if b.name in names])


@pytest.mark.parametrize("backend", ["torch", "openvino"])
@pytest.mark.parametrize("which", [[0], [0, -2], [-1]])
def test_rows_of_few_blocks_are_columns_of_the_complete_rows(made, backend, which):
    """Kind: leaving out blocks changes no row, for every source that can, on every backend that runs it."""
    source, items = made
    if backend == "torch" and isinstance(source, QuantizedSource):
        backend = "auto"
    names = [source.info.blocks[k].name for k in which]
    engine = Engine(backend, cache=False)
    some = source.only_blocks(names)
    assert [block.name for block in some.info.blocks] == names
    wanted = extract(source, items, engine=engine).rows[:, columns(source, names)]
    found = extract(some, items, engine=engine)
    assert np.array_equal(found.rows, wanted)
    # of the others, deeper ones may run with all blocks: dropping an output changes how OpenVINO fuses layers
    if which == [0] or isinstance(source, QuantizedSource):
        assert not any("all blocks run" in detail for detail in found.details)


def test_the_layers_above_the_deepest_block_do_not_run():
    for source, layers in ((keras()[0], ["layers.one_", "layers.two_"]), (yamnet()[0], ["blocks.0", "blocks.5"])):
        some = source.only_blocks([source.info.blocks[0].name])
        module, forward = some.body.selection.build()
        ran: list[str] = []
        for name in layers:
            module.get_submodule(name).register_forward_hook(lambda *_, name=name, ran=ran: ran.append(name))
        with torch.inference_mode():
            forward(module, torch.from_numpy(some.body.recipe.example()))
        assert ran == layers[:1]


def test_the_rounded_graph_loses_the_layers_above(monkeypatch):
    source, _ = int8()
    compiled = []
    opening = "headstart.engine.backends.openvino.OpenVino.__init__"
    monkeypatch.setattr(opening, lambda _self, model, *_: compiled.append(model))
    body = source.only_blocks([source.info.blocks[0].name]).full.body
    source._quick.body.open_selected(body.selection)
    source._quick.body._load(None)
    few, every = (sum("Convolution" in op.get_type_name() for op in model.get_ops()) for model in compiled)
    assert 0 < few < 0.6 * every


def test_rows_that_are_stored_are_found(made):
    source, items = made
    if not source.info.name.startswith(("tiny", "yamnet")):
        pytest.skip("not lasting")
    extract(source, items)
    assert extract(source.only_blocks([source.info.blocks[1].name]), items).hits == len(items)


def test_variants_of_a_source_of_few_blocks_keep_them(made):
    source, items = made
    name = source.info.blocks[0].name
    some = source.only_blocks([name])
    assert [block.name for block in some.untrained(1).info.blocks] == [name]
    assert some.body_key != source.body_key
    assert [block.name for block in some.all_blocks()] == [block.name for block in source.info.blocks]
    assert some.only_blocks([b.name for b in source.info.blocks]).body_key == source.body_key
    assert some.wider_rows() is None or some.wider_rows().ranges == ((0, source.info.blocks[0].width),)
    with pytest.raises(UnknownNameError, match="nowhere"):
        source.only_blocks(["nowhere"])
    with pytest.raises(SourceError, match="at least one"):
        source.only_blocks([])
    if not isinstance(source, QuantizedSource):
        body = some.trainable()
        with torch.no_grad():
            blocks = body.forward(body.module, body.collate([some.prepare(item) for item in items]))
        assert [tuple(block.shape) for block in blocks] == [(len(items), source.info.blocks[0].width)]
        assert [block.name for block in some.with_module(body.module, "tuned").info.blocks] == [name]


def test_a_selected_body_is_sent_to_another_process():
    source, items = timm()
    some = source.only_blocks([source.info.blocks[0].name])
    body = some.body
    assert type(body).__reduce__(body)[0] is type(body)
    assert body.full is source.body.full
    assert source.body.full is source.body
    assert pickle.loads(pickle.dumps(body.selection.ranges)) == body.selection.ranges
    assert len(some.encode(items)) == len(items)
