"""The applications of Keras against Keras itself, on random weights in the layout of their published files."""

import json

import numpy as np
import pytest
import torch
from keras_models import APPLICATION, run_keras

from headstart.errors import MissingExtraError, UnknownNameError
from headstart.sources.keras_bodies import applications
from headstart.sources.keras_bodies.applications import APPLICATIONS, license_of, preprocessing_of
from headstart.sources.keras_bodies.graph import read_graph
from headstart.sources.keras_bodies.network import KerasNetwork, fill
from headstart.sources.keras_bodies.pixels import preprocess
from headstart.sources.keras_bodies.weights import layer_weights
from headstart.sources.registry import describe, open_source

# One application of each family, its module in keras.applications, and a small side.
FAMILIES = [
    ("VGG16", "vgg16", 32), ("ResNet50", "resnet", 64), ("ResNet50V2", "resnet_v2", 64), ("MobileNet", "mobilenet", 64),
    ("MobileNetV2", "mobilenet_v2", 64), ("DenseNet121", "densenet", 64), ("Xception", "xception", 96),
    ("InceptionV3", "inception_v3", 96), ("EfficientNetB0", "efficientnet", 64),
    ("EfficientNetV2B0", "efficientnet_v2", 64), ("EfficientNetV2S", "efficientnet_v2", 64),
    ("ConvNeXtTiny", "convnext", 64),
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(("name", "module", "side"), FAMILIES)
def test_features_are_those_of_keras(name, module, side, tmp_path):
    pytest.importorskip("h5py")
    run_keras(APPLICATION, name, module, str(side), str(tmp_path))
    out, where = np.load(tmp_path / "out.npz"), tmp_path / "weights.h5"
    nodes = read_graph(json.loads((tmp_path / "model.json").read_text()), name)
    network = KerasNetwork(nodes, side, name).eval()
    with layer_weights(where) as stored:
        fill(network, stored, name)
    where.unlink()  # some are large
    with torch.no_grad():
        found = network.run(preprocess(torch.from_numpy(out["x"]), preprocessing_of(name)[0]), [network.trunk])
    wanted = out["y"].transpose(0, 3, 1, 2)
    assert np.isfinite(wanted).all()
    assert wanted.std() > 1e-3
    np.testing.assert_allclose(found[network.trunk].numpy(), wanted, rtol=0, atol=1e-4 * np.abs(wanted).max())


def test_every_application_has_a_family_that_is_compared():
    """An application without a family, or of a family whose agreement is not established, cannot be listed."""
    compared = {module for _, module, _ in FAMILIES}
    assert len(compared) == 11
    starts = {"VGG", "ResNet", "MobileNet", "DenseNet", "Xception", "InceptionV3", "EfficientNet", "ConvNeXt"}
    assert all(any(name.startswith(start) for start in starts) for name in APPLICATIONS)
    assert all(preprocessing_of(name)[1] >= 224 for name in APPLICATIONS)


def test_an_application_that_is_not_supported_is_told_which_are():
    with pytest.raises(
        UnknownNameError, match=r"Unknown Keras application 'NASNetMobile'.* Known: .*ConvNeXtTiny"
    ) as e:
        describe("keras:NASNetMobile")
    assert "\n" not in str(e.value)


def test_without_the_extra_the_pip_line_is_given(monkeypatch):
    monkeypatch.setattr(applications, "package_version", lambda _: "")
    with pytest.raises(MissingExtraError, match=r"pip install 'headstart\[keras\]'"):
        open_source("keras:VGG16")


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("VGG19", "CC-BY-4.0"), ("ResNet101", "MIT"), ("ResNet152V2", "BSD-3-Clause"), ("MobileNetV2", "Apache-2.0"),
        ("DenseNet201", "BSD-3-Clause"), ("Xception", "MIT"), ("InceptionV3", "Apache-2.0"), ("EfficientNetV2S", None),
        ("ConvNeXtTiny", None),
    ],
)  # fmt: skip
def test_licences_are_those_of_keras_documentation(name, wanted):
    assert license_of(name) == wanted
    assert describe(f"keras:{name}").license == wanted
