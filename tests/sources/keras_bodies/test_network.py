"""Models of Keras against Keras itself, as sources from fit to prediction; what a bad file gives."""

import json
import subprocess
import sys
import zipfile

import numpy as np
import pytest
import torch
from PIL import Image

from headstart.cli.main import main
from headstart.engine.extract import extract
from headstart.engine.options import Engine
from headstart.errors import SourceError
from headstart.sources.keras_bodies.pixels import preprocess
from headstart.sources.registry import open_saved, open_source

# Run in a process of its own: importing Keras warns, and sets a backend for good.
MAKE = """
import os, sys
os.environ["KERAS_BACKEND"] = "torch"
import keras, numpy as np
from keras import layers
keras.utils.set_random_seed(0)
x = inputs = keras.Input((32, 32, 3))
x = layers.Rescaling(1 / 255)(x)
x = layers.Conv2D(8, 3, strides=2, padding="same", use_bias=False)(x)
x = layers.BatchNormalization()(x)
y = x = layers.ReLU(6.0)(x)
x = layers.SeparableConv2D(8, 3, padding="same", activation="relu")(x)
x = layers.Add()([x, y])
x = layers.MaxPooling2D(3, 2, padding="same")(x)
x = layers.Concatenate()([x, layers.DepthwiseConv2D(3, padding="same")(x)])
x = layers.AveragePooling2D(3, 1, padding="same")(x)
x = layers.Flatten()(x)
x = layers.Dropout(0.5)(layers.Dense(12, activation="relu")(x))
model = keras.Model(inputs, layers.Dense(5, activation="softmax")(x))
rng = np.random.default_rng(0)
for v in model.variables:
    v.assign(np.array(v) + rng.uniform(0, 0.1, v.shape))
model.save(sys.argv[1] + "/tiny.keras")
x = rng.integers(0, 256, (4, 32, 32, 3)).astype("uint8")
hidden = keras.Model(model.input, model.layers[-3].output)
np.savez(sys.argv[1] + "/out.npz", x=x, y=model.predict(x.astype("float32"), verbose=0),
         hidden=hidden.predict(x.astype("float32"), verbose=0),
         caffe=keras.applications.vgg16.preprocess_input(x.astype("float32").copy()),
         tf=keras.applications.mobilenet_v2.preprocess_input(x.astype("float32").copy()),
         torch=keras.applications.densenet.preprocess_input(x.astype("float32").copy()))
"""


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """A small model that Keras wrote, and what Keras computes."""
    folder = tmp_path_factory.mktemp("keras")
    pytest.importorskip("h5py")
    subprocess.run([sys.executable, "-W", "ignore", "-c", MAKE, str(folder)], check=True, capture_output=True)
    return folder / "tiny.keras", np.load(folder / "out.npz")


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


@pytest.mark.parametrize("mode", ["caffe", "tf", "torch"])
def test_pixels_are_those_of_preprocess_input(tiny, mode):
    found = preprocess(torch.from_numpy(tiny[1]["x"]), mode).permute(0, 2, 3, 1).numpy()
    np.testing.assert_allclose(found, tiny[1][mode], rtol=1e-5, atol=1e-4)


def test_saved_and_fine_tuned_bodies_open_again(tiny, tmp_path):
    source, pictures = open_source(f"local:{tiny[0]}"), list(tiny[1]["x"])
    body = source.trainable()
    with torch.no_grad():
        next(body.module.parameters()).mul_(1.5)
    tuned = source.with_module(body.module, "tuned")
    engine = Engine(backend="torch", cache=False)
    wanted = extract(tuned, pictures, engine=engine).rows
    assert not np.allclose(wanted, extract(source, pictures, engine=engine).rows)
    again = open_saved(tuned.save(tmp_path / "kept"), tmp_path / "kept", "image")
    np.testing.assert_array_equal(extract(again, pictures, engine=engine).rows, wanted)


def test_from_fit_to_prediction_in_one_command(tiny, tmp_path, capsys):
    rng = np.random.default_rng(0)
    for name, colour in (("dark", 60), ("light", 200)):
        (tmp_path / "data" / name).mkdir(parents=True)
        for k in range(12):
            pixels = np.clip(rng.normal(colour, 20, (32, 32, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(tmp_path / "data" / name / f"{k}.png")
    run = str(tmp_path / "run")
    assert (
        main(["fit", str(tmp_path / "data"), "--source", f"local:{tiny[0]}", "--out", run, "--baselines", "none"]) == 0
    )
    capsys.readouterr()
    assert main(["predict", run, str(tmp_path / "data" / "light" / "0.png")]) == 0
    assert "light" in capsys.readouterr().out


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
