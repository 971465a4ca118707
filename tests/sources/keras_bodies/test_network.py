"""Models of Keras against Keras itself; what a bad file gives."""

import json
import zipfile

import numpy as np
import pytest
import torch

from headstart.errors import SourceError
from headstart.sources.registry import open_source


def test_rows_and_source_classes_are_those_of_keras(tiny):
    file, out = tiny
    source = open_source(f"local:{file}")
    body = source.trainable()
    with torch.no_grad():
        rows = body.forward(body.module, torch.from_numpy(out["x"]))
        logits = body.source_head(body.module, torch.from_numpy(out["x"]))
    np.testing.assert_allclose(rows[-1].numpy(), out["hidden"], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(logits.softmax(1).numpy(), out["y"], rtol=1e-4, atol=1e-6)
    assert [block.name for block in source.info.blocks][-1] == "last"
    assert "add" in [block.name for block in source.info.blocks]
    names = [name for group in body.groups for name in group]
    assert len(body.groups) > 2
    assert not any("running" in name for name in names)


def spoilt(file, target, change):
    """A copy of a .keras file whose configuration is changed."""
    with zipfile.ZipFile(file) as old, zipfile.ZipFile(target, "w") as new:
        config = json.loads(old.read("config.json"))
        change(config)
        new.writestr("config.json", json.dumps(config))
        new.writestr("model.weights.h5", old.read("model.weights.h5"))
    return target


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda c: c["config"]["layers"][1].update(class_name="Lambda"), "not one of the built-in layers"),
        (lambda c: c["config"]["layers"][2]["config"].update(filters=10**9), "whole numbers from 1"),
        (
            lambda c: c["config"]["layers"][2]["config"].update(filters=9),
            "weights of this architecture|cannot be built",
        ),
        (lambda c: c.update(class_name="Evil"), "only Sequential and Functional"),
        (lambda c: c.update(config=3), "no graph that can be read"),
    ],
)
def test_a_bad_model_is_one_sentence(tiny, tmp_path, change, words):
    with pytest.raises(SourceError, match=words) as caught:
        open_source(f"local:{spoilt(tiny[0], tmp_path / 'bad.keras', change)}")
    assert "\n" not in str(caught.value)


def test_a_truncated_archive_is_one_sentence(tiny, tmp_path):
    (tmp_path / "bad.keras").write_bytes(tiny[0].read_bytes()[:-200])
    with pytest.raises(SourceError, match=r"not a \.keras file"):
        open_source(f"local:{tmp_path / 'bad.keras'}")


@pytest.mark.parametrize("name", ["sum", "difference", "product", "most"])
def test_operators_of_two_layers_are_read(operators, name):
    """As x + y in the blocks of ConvNeXt."""
    body = open_source(f"local:{operators[0] / name}.keras").trainable()
    with torch.no_grad():
        rows = body.forward(body.module, torch.from_numpy(operators[1]["x"]))[-1]
    np.testing.assert_allclose(rows, operators[1][name].mean((1, 2)), rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("shift", "of 1 layers, perhaps with a number"),
        ("high", "works on the axis 1; only the last axis"),
        ("norm", "works on the axis 1; only the last axis"),
        ("inverse", "has the setting 'invert'"),
    ],
)
def test_what_would_be_computed_otherwise_is_refused(operators, name, words):
    with pytest.raises(SourceError, match=words) as caught:
        open_source(f"local:{operators[0] / name}.keras")
    assert "\n" not in str(caught.value)
