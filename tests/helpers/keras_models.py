"""Models that Keras writes, and what Keras computes; in a process of its own, since importing Keras sets a backend."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
from PIL import Image

# A small model with many kinds of layers; the argument is the folder of the results.
TINY = """
import sys
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

# Operators and axes, each in a file; runs after TINY, since importing Keras takes seconds.
OPERATORS = """
from keras import ops
i = keras.Input((8, 8, 3))
y = layers.Conv2D(3, 1)(i)
made = dict(sum=y + i, difference=y - i, product=ops.multiply(x1=y, x2=i), most=ops.maximum(i, y), shift=y + 2.0,
            high=layers.Concatenate(axis=1)([y, i]), norm=layers.BatchNormalization(axis=1)(y),
            inverse=layers.Normalization(mean=1.0, variance=2.0, invert=True)(y))
x, out = rng.integers(0, 256, (2, 8, 8, 3)).astype("float32"), {}
for name, z in made.items():
    model = keras.Model(i, z)
    model.save(f"{sys.argv[1]}/{name}.keras")
    out[name] = model.predict(x, verbose=0)
np.savez(sys.argv[1] + "/operators.npz", x=x.astype("uint8"), **out)
"""

# Random weights of an application in the layout of its published file, without its classifier: the file.
VGG16 = """
import sys
import h5py, keras
from keras.src.legacy.saving import legacy_h5_format
keras.utils.set_random_seed(0)
model = keras.applications.VGG16(weights=None, include_top=False)
with h5py.File(sys.argv[1], "w") as file:
    legacy_h5_format.save_weights_to_hdf5_group(file, model)
"""

# An application with random weights and moved statistics, as "imagenet" builds it: name, module, side, folder.
APPLICATION = """
import json, sys
import h5py, keras, numpy as np, torch
from keras.src.legacy.saving import legacy_h5_format
from keras.src.utils import file_utils
name, module, side, folder = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
file_utils.get_file = lambda *_, **__: ""
keras.Model.load_weights = lambda *_, **__: None
keras.utils.set_random_seed(0)
model = vars(keras.applications)[name](weights="imagenet", include_top=False)
rng = np.random.default_rng(0)
for v in model.variables:
    a, kind = np.array(v), v.path.rsplit("/", 1)[-1]
    if kind in ("moving_mean", "mean", "bias", "beta"):
        v.assign(a + rng.normal(0, 0.1, a.shape))
    elif kind in ("moving_variance", "variance"):
        v.assign(a * rng.uniform(0.5, 2, a.shape))
    elif kind == "gamma":
        v.assign(rng.uniform(0.5, 1.2, a.shape))
x = rng.integers(0, 256, (2, side, side, 3)).astype("uint8")
ready = vars(keras.applications)[module].preprocess_input(x.astype("float32"))
with torch.no_grad():
    y = model(ready, training=False).numpy()
np.savez(f"{folder}/out.npz", x=x, y=y)
with open(f"{folder}/model.json", "w") as file:
    file.write(model.to_json())
with h5py.File(f"{folder}/weights.h5", "w") as file:
    legacy_h5_format.save_weights_to_hdf5_group(file, model)
"""


def run_keras(script: str, *arguments: str) -> None:
    """Run a script with Keras on the torch backend."""
    environment = {**os.environ, "KERAS_BACKEND": "torch"}
    command = [sys.executable, "-W", "ignore", "-c", script, *arguments]
    found = subprocess.run(command, check=False, capture_output=True, text=True, env=environment)
    assert found.returncode == 0, found.stderr[-2000:]


def dark_and_light(folder: Path, count: int) -> Path:
    """A folder of dark and of light pictures of 32 pixels, ``count`` of each."""
    rng = np.random.default_rng(0)
    for name, colour in (("dark", 60), ("light", 200)):
        (folder / name).mkdir(parents=True)
        for k in range(count):
            pixels = np.clip(rng.normal(colour, 20, (32, 32, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{k}.png")
    return folder
