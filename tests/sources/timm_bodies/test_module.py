"""Which layers of a timm body are read: blocks, all, by name, and a row for each position."""

import numpy as np
import pytest
import timm
import torch
from PIL import Image

from headstart.checks import check_source_caches
from headstart.engine.extract import extract
from headstart.engine.options import Engine
from headstart.errors import ParameterError, SourceError, UnknownNameError
from headstart.sources.bodies.hidden_layers import saved_reading
from headstart.sources.local import open_local
from headstart.sources.timm import TimmSource, random_weights
from headstart.sources.timm_bodies.module import TimmSpec, build
from headstart.types import SourceInfo

TORCH = Engine(backend="torch", cache=False)


def untrained(architecture, **changes):
    spec = TimmSpec(architecture, {}, {"input_size": (3, 64, 64), **changes})
    return TimmSource(spec, random_weights(spec, 0), SourceInfo("tiny", "image"))


def on_torch(source, items):
    return extract(source, items, engine=TORCH).rows


def plain_input(source, pictures):
    """What timm's own transform makes of the pictures."""
    transform = timm.data.create_transform(**source.info.input)
    return torch.stack([transform(Image.open(path).convert("RGB")) for path in pictures])


def small_swin():
    spec = TimmSpec("swin_tiny_patch4_window7_224", {"depths": (1, 1, 1, 1), "embed_dim": 24})
    return TimmSource(spec, random_weights(spec, 0), SourceInfo("swin", "image"))


def test_nhwc_blocks_are_pooled_over_space():
    source = small_swin()
    assert [block.width for block in source.info.blocks] == [24, 48, 96, 192, 192]


@pytest.mark.parametrize("architecture", ["test_resnet", "test_vit", "test_convnext", "test_efficientnet"])
def test_all_layers_are_those_that_give_something_of_their_own(architecture, pictures):
    source = untrained(architecture).with_layers("all")
    names = [block.name for block in source.info.blocks]
    assert names[-1] == "last"
    assert len(names) > len(untrained(architecture).info.blocks)
    rows = on_torch(source, pictures)
    assert rows.shape == (len(pictures), sum(block.width for block in source.info.blocks))
    assert np.isfinite(rows).all()


def test_maps_of_linear_layers_are_pooled_over_space():
    widths = {block.name: block.width for block in untrained("test_convnext").with_layers("all").info.blocks}
    module = build(TimmSpec("test_convnext"))
    hidden = {name: layer.out_features for name, layer in module.named_modules() if isinstance(layer, torch.nn.Linear)}
    acts = [name for name in widths if name.endswith("mlp.act")]
    assert acts
    assert all(widths[name] == hidden[name.replace("act", "fc1")] for name in acts)


def test_layers_by_name(pair, pictures):
    source = open_local(pair)
    named = source.with_layers(["layer3", "last"])
    assert [(block.name, block.width) for block in named.info.blocks] == [("layer3", 192), ("last", 96)]
    widths = np.cumsum([0, *(block.width for block in source.info.blocks)])
    place = [block.name for block in source.info.blocks].index("layer3")
    whole, part = on_torch(source, pictures), on_torch(named, pictures)
    np.testing.assert_allclose(part[:, :192], whole[:, widths[place] : widths[place + 1]], rtol=0.05, atol=0.02)
    np.testing.assert_allclose(part[:, 192:], whole[:, -96:], rtol=0.05, atol=0.02)
    assert source.with_layers("last").info.blocks[0].width == 96
    assert [block.name for block in source.with_layers(("layer1.0.conv1",)).info.blocks] == ["layer1.0.conv1"]


@pytest.mark.parametrize(
    ("layers", "error", "words"),
    [
        (
            ["layer9"],
            UnknownNameError,
            r"Unknown layer 'layer9'. Known: \d\d names, the nearest of them layer\d, layer\d,",
        ),
        ("most", ParameterError, "must be one of 'blocks', 'last', 'all'"),
        ([], ParameterError, "distinct names"),
        (["fc"], SourceError, "has no output"),
    ],
)
def test_layers_that_are_not_there(pair, layers, error, words):
    with pytest.raises(error, match=words):
        open_local(pair).with_layers(layers)


@pytest.mark.parametrize(
    ("source", "side", "width"),
    [
        (lambda: untrained("test_resnet"), 2, 96),
        (lambda: untrained("test_vit", input_size=(3, 160, 160)), 10, 64),
        (small_swin, 7, 192),
    ],
)
def test_a_row_for_each_position(source, side, width, pictures):
    places = source().with_layers("last", positions=True)
    rows = places.forward([places.prepare(path) for path in pictures[:2]])
    assert [row.shape for row in rows] == [(side * side, width)] * 2
    module, _ = source().body.built()
    module.eval()
    with torch.inference_mode():
        plain = module.forward_features(plain_input(places, pictures[:2]))
    if plain.ndim == 3:
        plain = plain[:, module.num_prefix_tokens :]
    elif plain.shape[-1] == width and plain.shape[1] != width:
        plain = plain.flatten(1, 2)
    else:
        plain = plain.flatten(2).transpose(1, 2)
    cosine = torch.nn.functional.cosine_similarity(torch.from_numpy(np.stack(rows)).flatten(1), plain.flatten(1))
    assert cosine.min() > 0.999


def test_positions_of_maps_of_several_sizes(pair):
    with pytest.raises(SourceError, match=r"different numbers of positions \(.*choose one"):
        open_local(pair).with_layers("blocks", positions=True)
    two = open_local(pair).with_layers(["layer4.0", "last"], positions=True)
    assert [block.width for block in two.info.blocks] == [96, 96]


def test_chosen_layers_are_saved_with_the_body(pair, pictures, tmp_path):
    source = open_local(pair).with_layers(["layer3"], positions=True)
    source.save(tmp_path)
    assert saved_reading(tmp_path) == (("layer3",), True)
    again = open_local(tmp_path)
    assert again.info.blocks == source.info.blocks
    assert again.forward([again.prepare(pictures[0])])[0].shape == (36, 192)


@pytest.mark.parametrize("layers", ["blocks", "all"])
def test_rows_of_chosen_layers_are_found_again(pair, pictures, layers):
    check_source_caches(open_local(pair).with_layers(layers), pictures)
