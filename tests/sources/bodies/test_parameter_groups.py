"""The groups of a body's parameters, from the stem to the last block."""

from torch import nn

from headstart.sources.bodies.parameter_groups import numbered, parameter_groups
from headstart.sources.bodies.trainable import trainable
from headstart.sources.registry import open_source
from headstart.sources.timm import TimmSource, random_weights
from headstart.sources.timm_bodies.module import TimmSpec
from headstart.types import SourceInfo


def timm_body(architecture, **changes):
    side = 160 if "vit" in architecture else 64
    spec = TimmSpec(architecture, {"num_classes": 7}, {"input_size": (3, side, side), "license": "mit", **changes})
    return TimmSource(spec, random_weights(spec, 0), SourceInfo(architecture, "image", license="mit"))


def test_groups_begin_at_the_stem():
    moved = trainable(timm_body("test_resnet"))
    assert [group[0].partition(".")[0] for group in moved.groups] == ["conv1", "layer1", "layer2", "layer3", "layer4"]
    text = trainable(open_source("headstart:text"))
    assert [numbered(group[0]) for group in text.groups] == [None, *(f"encoder.layer.{k}" for k in range(6))]


def test_groups_without_numbers_are_the_children():
    body = nn.ModuleDict({"stem": nn.Linear(1, 1), "end": nn.Linear(1, 1)})
    assert parameter_groups(body) == (("stem.weight", "stem.bias"), ("end.weight", "end.bias"))
    assert parameter_groups(body, ["end.bias"]) == (("end.bias",),)
    assert parameter_groups(nn.ReLU()) == ()
