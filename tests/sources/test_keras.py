"""Applications of Keras: VGG16 from a cache folder to a fitted model in one command, and what is missing there."""

import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from headstart.errors import SourceError, UnknownNameError
from headstart.sources.keras_bodies import applications
from headstart.sources.registry import describe, open_source

# Random weights of VGG16 in the layout of its published file, and the architecture into the cache.
MAKE = """
import os, sys
os.environ["KERAS_BACKEND"] = "torch"
import h5py, keras
from keras.src.legacy.saving import legacy_h5_format
model = keras.applications.VGG16(weights=None, include_top=False)
with h5py.File(sys.argv[1], "w") as file:
    legacy_h5_format.save_weights_to_hdf5_group(file, model)
"""


def test_facts_need_neither_keras_nor_weights():
    info = describe("keras:VGG16")
    assert (info.modality, info.input["preprocessing"], info.input["input_size"]) == ("image", "caffe", [3, 224, 224])
    with pytest.raises(UnknownNameError, match="VGG19"):
        describe("keras:VGG61")


@pytest.mark.slow
def test_vgg16_in_one_command(tmp_path, monkeypatch):
    from headstart.cli.main import main

    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    (tmp_path / "models").mkdir()
    with pytest.raises(SourceError, match="while online"):
        open_source("keras:VGG16")
    known = applications.application("VGG16")
    file = tmp_path / "models" / known.file
    subprocess.run([sys.executable, "-W", "ignore", "-c", MAKE, str(file)], check=True, capture_output=True)
    with pytest.raises(SourceError, match="Keras states"):
        open_source("keras:VGG16")
    monkeypatch.setattr(applications, "Application", lambda model, _mode, _side, name, _md5: known_with(model, name))
    rng = np.random.default_rng(0)
    for name, colour in (("dark", 60), ("light", 200)):
        (tmp_path / "data" / name).mkdir(parents=True)
        for k in range(8):
            pixels = np.clip(rng.normal(colour, 20, (32, 32, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(tmp_path / "data" / name / f"{k}.png")
    arguments = ["fit", str(tmp_path / "data"), "--source", "keras:VGG16", "--baselines", "none"]
    assert main([*arguments, "--out", str(tmp_path / "run")]) == 0


APPLICATION = applications.Application


def known_with(model, name):
    """VGG16 whose file may hold any weights."""
    return APPLICATION(model, "caffe", 224, name, "")
