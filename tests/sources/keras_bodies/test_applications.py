"""The applications of Keras against Keras itself, on random weights in the layout of their published files."""

import json
import os
import sys

import numpy as np
import pytest
import torch
from keras_models import APPLICATION, run_keras

from headstart.errors import MissingExtraError, SourceError, UnknownNameError
from headstart.sources.keras import SCHEME
from headstart.sources.keras_bodies import applications
from headstart.sources.keras_bodies.applications import APPLICATIONS, license_of, preprocessing_of, weights_file
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


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("import sys; print('a\\nb', file=sys.stderr); sys.exit(1)", "b"),
        ("raise AttributeError('Keras 4 has no get_file')", "AttributeError: Keras 4 has no get_file"),
        ("import os; os._exit(9)", "code 9"),
        ("print('nothing')", "its answer cannot be read"),
        ("print('[]')", "its answer cannot be read"),
        ("import time; time.sleep(60)", "it took more than 2 seconds"),
    ],
)
def test_a_process_of_keras_that_fails_is_one_sentence(script, words, tmp_path, monkeypatch):
    """Kind: each way in which the process may end without an answer."""
    (tmp_path / "process.py").write_text(script)
    monkeypatch.setenv("HEADSTART_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(applications, "PROCESS", tmp_path / "process.py")
    monkeypatch.setattr(applications, "MAX_SECONDS", 2 if "sleep" in script else 60)
    monkeypatch.setattr(applications, "package_version", lambda _: "3.15.0")
    with pytest.raises(
        SourceError, match=rf"could not build 'VGG16' \(.*{words}.*pip install 'headstart\[keras\]'"
    ) as e:
        applications.application("VGG16")
    assert "\n" not in str(e.value)


@pytest.mark.slow
def test_keras_is_asked_in_a_process_of_its_own(tmp_path, monkeypatch):
    """The asking process keeps its modules and its backend, and the user's settings of Keras do not matter."""
    pytest.importorskip("h5py")
    (tmp_path / "keras.json").write_text('{"image_data_format": "channels_first", "backend": "jax"}')
    monkeypatch.setenv("HEADSTART_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    before = "keras" in sys.modules
    known = applications.application("MobileNet")
    assert (("keras" in sys.modules), os.environ["KERAS_BACKEND"]) == (before, "jax")
    kinds = [node.kind for node in read_graph(known.model, "MobileNet")]
    assert kinds.count("DepthwiseConv2D") == 13
    assert known.file == weights_file("MobileNet")


def test_every_application_whose_weights_are_cached_is_listed(tmp_path, monkeypatch):
    """Kind: every family, whatever its files are called; weights with the classifier are other files."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setattr("headstart.sources.keras.package_version", lambda _: "3.15.0")
    assert SCHEME.names() == []
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "vgg16_weights_tf_dim_ordering_tf_kernels.h5").touch()
    assert SCHEME.names() == []
    for count, name in enumerate(APPLICATIONS, start=1):
        (tmp_path / "models" / weights_file(name)).touch()
        assert len(SCHEME.names()) == count
    assert SCHEME.names() == list(APPLICATIONS)


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("ResNet50V2", "resnet50v2_weights_tf_dim_ordering_tf_kernels_notop.h5"),
        ("MobileNet", "mobilenet_1_0_224_tf_no_top.h5"),
        ("MobileNetV2", "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224_no_top.h5"),
        ("DenseNet121", "densenet121_weights_tf_dim_ordering_tf_kernels_notop.h5"),
        ("Xception", "xception_weights_tf_dim_ordering_tf_kernels_notop.h5"),
        ("InceptionV3", "inception_v3_weights_tf_dim_ordering_tf_kernels_notop.h5"),
        ("EfficientNetB7", "efficientnetb7_notop.h5"),
        ("EfficientNetV2B3", "efficientnetv2-b3_notop.h5"),
        ("EfficientNetV2L", "efficientnetv2-l_notop.h5"),
        ("ConvNeXtXLarge", "convnext_xlarge_notop.h5"),
    ],
)
def test_files_of_weights_are_called_as_keras_calls_them(name, file):
    """One of each form, as Keras 3.15 asks for it."""
    assert weights_file(name) == file
