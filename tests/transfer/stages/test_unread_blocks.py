"""A model reads only the blocks that its head reads: predictions stay the same, and layers above them do not run."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

import headstart
from headstart.engine.extract import extract
from headstart.engine.options import Engine
from headstart.errors import HeadstartError, ModelFolderError
from headstart.heads import FeatureMap
from headstart.model import TransferModel
from headstart.sources import open_source
from headstart.sources.fused import FusedSource
from headstart.sources.spectrogram import Spectrogram
from headstart.transfer.fit_tasks import fit_tasks, load_tasks
from headstart.transfer.stages.unread_blocks import with_shared_blocks, without_unread_blocks


def make_pictures(n=24, seed=0):
    rng = np.random.default_rng(seed)
    bright = np.arange(n) % 2 * 90
    pictures = [(rng.integers(0, 160, (64, 64, 3)) + b).astype(np.uint8) for b in bright]
    return pictures, ["bright" if b else "dark" for b in bright]


def reading(model, names):
    """The model of a fit with all blocks, with a head on some of them: its weights are rows of those for all."""
    blocks, stops = model.source.info.blocks, np.cumsum([block.width for block in model.source.info.blocks])
    spans = tuple((int(stop) - b.width, int(stop)) for b, stop in zip(blocks, stops, strict=True) if b.name in names)
    kept = np.concatenate([np.arange(a, b) for a, b in spans])
    features = FeatureMap("some", spans, "unit_norm", width=int(stops[-1]))
    head = replace(model.head, feature_map=features, weight=np.resize(model.head.weight, (len(kept), 2)))
    return replace(model, head=head, moments=None, certainty=None)


@pytest.fixture(scope="module")
def pictures():
    return make_pictures()


@pytest.fixture(scope="module")
def fitted(pictures):
    source = open_source("headstart:image")
    return headstart.fit(pictures, source=source, layers="all", baselines="none", verbose=False).model


@pytest.mark.parametrize("backend", ["torch", "openvino"])
@pytest.mark.parametrize("names", [["layer2"], ["act1", "layer3"], ["last"]])
def test_a_model_of_few_blocks_predicts_the_same_bits(fitted, backend, names):
    if backend == "openvino":
        pytest.importorskip("openvino")
    model = replace(reading(fitted, names), engine=Engine(backend, cache=False))
    small = without_unread_blocks(model)
    assert [block.name for block in small.source.info.blocks] == names
    new, _ = make_pictures(9, seed=1)
    together = small.predict_proba(new)
    assert np.array_equal(together, model.predict_proba(new))
    alone = np.concatenate([small.predict_proba([one]) for one in new])
    assert np.allclose(alone, together, atol=1e-5, rtol=0)


def test_the_layers_above_the_deepest_block_do_not_run(fitted):
    source = without_unread_blocks(reading(fitted, ["layer2"])).source
    module, forward = source.body.selection.build()
    ran = []
    for name in ("layer1", "layer2", "layer3", "layer4"):
        module.get_submodule(name).register_forward_hook(lambda *_, name=name: ran.append(name))
    import torch

    forward(module, torch.zeros(1, 64, 64, 3, dtype=torch.uint8))
    assert ran == ["layer1", "layer2"]


def test_the_converted_graph_loses_the_layers_above():
    """The cut graph has fewer convolutions, and reuses the conversion of the complete body."""
    pytest.importorskip("openvino")
    from headstart.engine.backends.openvino_files import read_graph
    from headstart.engine.backends.openvino_graph import graph_name
    from headstart.engine.backends.openvino_selection import selected_graph

    source = open_source("headstart:image")
    source.body.choose("openvino", 1)
    record = source.body._records["openvino"]
    folder = source.body.cache.read_folder(graph_name(record["precision"], record["exact_convolutions"]))
    count = len(source.info.blocks)

    def convolutions(model):
        return sum("Convolution" in op.get_type_name() for op in model.get_ops())

    everything = convolutions(read_graph(folder))
    assert convolutions(selected_graph(read_graph(folder), [2], count)) < 0.6 * everything


def test_rows_of_the_fit_are_found_and_not_encoded_again(fitted, pictures):
    small = without_unread_blocks(reading(fitted, ["layer3"]))
    new, _ = make_pictures(3, seed=2)
    found = extract(small.source, [*pictures[0], *new])
    assert (found.hits, found.encoded) == (len(pictures[0]), 3)
    assert extract(small.source, new).hits == 3  # under the key of the fewer blocks
    again = extract(small.source, [*pictures[0], *new], engine=Engine(cache=False))
    assert np.allclose(found.rows, again.rows, rtol=1e-6, atol=1e-6)


def test_a_saved_model_of_few_blocks_is_opened_with_them(fitted, tmp_path):
    small = without_unread_blocks(reading(fitted, ["layer1", "layer3"]))
    small.save(tmp_path / "run")
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    assert (config["source"]["blocks"], config["format_version"]) == (["layer1", "layer3"], 2)
    opened = TransferModel.load(tmp_path / "run")
    assert opened.source.info == small.source.info
    new, _ = make_pictures(5, seed=3)
    assert np.array_equal(opened.predict_proba(new), small.predict_proba(new))
    complete = replace(fitted, moments=None)
    complete.save(tmp_path / "all")
    assert json.loads((tmp_path / "all" / "config.json").read_text())["format_version"] == 1  # earlier releases open it


@pytest.mark.parametrize("blocks", [["layer9"], [], "layer1", [1]])
def test_hostile_blocks_of_a_saved_model_are_refused(fitted, tmp_path, blocks):
    without_unread_blocks(reading(fitted, ["layer1"])).save(tmp_path / "run")
    file = tmp_path / "run" / "config.json"
    config = json.loads(file.read_text())
    config["source"]["blocks"] = blocks
    file.write_text(json.dumps(config))
    with pytest.raises((HeadstartError, ModelFolderError)):
        TransferModel.load(tmp_path / "run")


def test_update_and_forget_of_a_fit_that_keeps_one_block(pictures, tmp_path):
    items, labels = pictures
    run = headstart.fit(pictures, source="headstart:image", layers="last", baselines="none", verbose=False)
    assert [block.name for block in run.model.source.info.blocks] == ["last"]
    new, names = make_pictures(4, seed=4)
    grown = run.model.update(new, names)
    back = grown.forget(new, names)
    assert np.allclose(back.predict_proba(items), run.model.predict_proba(items), atol=1e-6, rtol=0)
    assert run.model.predict(items) == labels


def test_a_fused_model_reads_only_its_blocks(fitted):
    image = open_source("headstart:image")
    fused = FusedSource((image, image.untrained(0)))
    blocks = fused.info.blocks
    stops = np.cumsum([block.width for block in blocks]).tolist()
    wanted = [f"{fused.names[0]}/layer1", f"{fused.names[1]}/layer2"]
    spans = tuple((stop - b.width, stop) for b, stop in zip(blocks, stops, strict=True) if b.name in wanted)
    width = sum(b - a for a, b in spans)
    features = FeatureMap("two", spans, "unit_norm", width=stops[-1])
    head = replace(fitted.head, feature_map=features, weight=np.resize(fitted.head.weight, (width, 2)))
    model = replace(fitted, source=fused, head=head, moments=None)
    small = without_unread_blocks(model)
    assert [block.name for block in small.source.info.blocks] == wanted
    new, _ = make_pictures(3, seed=5)
    assert np.array_equal(small.predict_proba(new), model.predict_proba(new))


def test_a_spectrogram_reads_only_its_blocks():
    sounds = Spectrogram(open_source("headstart:image"))
    some = sounds.only_blocks(["layer1"])
    wave = [(np.sin(np.arange(8000.0) / k), 8000) for k in (3, 5)]
    stop = sum(block.width for block in sounds.info.blocks[:2])
    start = sounds.info.blocks[0].width
    assert np.array_equal(some.encode(wave), sounds.encode(wave)[:, start:stop])
    assert extract(some, wave).hits == 0
    extract(sounds, wave)
    other = sounds.only_blocks(["layer2"])
    assert extract(other, wave).hits == 2


def test_a_map_of_selected_columns_drops_the_blocks_without_any():
    features = FeatureMap("chosen", ((0, 2), (2, 5), (5, 7)), "unit_norm", columns=np.array([1, 5, 6]))
    rows = np.random.default_rng(0).normal(size=(4, 7))
    lean = features.without_unread_blocks()
    assert lean.blocks == ((0, 2), (5, 7))
    assert np.array_equal(lean(rows), features(rows))
    moved = lean.moved({"a": 2, "b": 3, "c": 2}, {"a": 2, "c": 2})
    assert np.array_equal(moved(rows[:, [0, 1, 5, 6]]), features(rows))


def test_columns_of_one_table_share_the_union_of_their_blocks(tmp_path, pictures):
    one, two = reading_pair(pictures)
    shared = with_shared_blocks({"one": one, "two": two})
    assert shared["one"].source is shared["two"].source
    assert [block.name for block in shared["one"].source.info.blocks] == ["layer1", "layer3"]
    new, _ = make_pictures(3, seed=6)
    for name, model in {"one": one, "two": two}.items():
        assert np.array_equal(shared[name].predict_proba(new), model.predict_proba(new))


def test_bodies_that_were_fine_tuned_apart_are_not_shared(pictures):
    """Kind: two sources with the same facts and other weights; each head keeps the body that it was fitted on."""
    one, two = reading_pair(pictures)
    body = open_source("headstart:image")
    tuned = []
    for seed in (0, 1):
        module = body.trainable().module
        torch.manual_seed(seed)
        with torch.no_grad():
            next(module.parameters()).add_(0.1 * torch.randn_like(next(module.parameters())))
        tuned.append(body.with_module(module, "headstart:image (full)"))
    models = {
        name: replace(model, source=source.only_blocks([model.source.info.blocks[0].name]))
        for name, model, source in zip(("one", "two"), (one, two), tuned, strict=True)
    }
    shared = with_shared_blocks(models)
    assert shared["one"].source is not shared["two"].source
    new, _ = make_pictures(3, seed=6)
    for name, model in models.items():
        assert np.array_equal(shared[name].predict_proba(new), model.predict_proba(new))


def reading_pair(pictures):
    source = open_source("headstart:image")
    model = headstart.fit(pictures, source=source, layers="all", baselines="none", verbose=False).model
    return (without_unread_blocks(reading(model, [name])) for name in ("layer3", "layer1"))


def test_the_models_of_several_columns_are_loaded_with_one_source(tmp_path):
    rows = np.arange(40.0)
    table = {"text": [f"item {'warm' if k % 2 else 'cold'} {k}" for k in range(40)]}
    table |= {"sort": ["warm" if k % 2 else "cold" for k in range(40)], "price": rows * 2}
    fit_tasks(table, ["sort", "price"], source="toy", baselines="none", out=tmp_path / "run", verbose=False)
    models = load_tasks(tmp_path / "run")
    assert models["sort"].source is models["price"].source
