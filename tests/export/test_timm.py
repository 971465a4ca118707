"""A checkpoint folder of timm: loaded by timm alone, it answers as the model does."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from headstart.errors import SourceError
from headstart.export import export
from headstart.export.timm import with_classifier
from headstart.heads import FeatureMap, FittedHead
from headstart.model import TransferModel
from headstart.sources.bodies.seeded import example_pictures
from headstart.sources.timm import TimmSource, random_weights
from headstart.sources.timm_bodies.module import TimmSpec, build
from headstart.types import SourceInfo, Task

LABELS = ("ant", "bee", "fly")
ALONE = """
import sys
class Guard:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "headstart":
            raise ImportError(name)
sys.meta_path.insert(0, Guard())
import numpy as np, timm, torch
model = timm.create_model("local-dir:" + sys.argv[1], pretrained=True).eval()
transform = timm.data.create_transform(**timm.data.resolve_model_data_config(model), is_training=False)
from PIL import Image
with torch.inference_mode():
    logits = model(transform(Image.open(sys.argv[2]))[None])[0]
print(model.pretrained_cfg["label_names"][int(logits.argmax())], *logits.tolist())
"""


@pytest.fixture(scope="module")
def source():
    spec = TimmSpec("test_resnet", {"num_classes": 7}, {"input_size": (3, 64, 64), "crop_pct": 0.9, "mean": (0.5,) * 3})
    return TimmSource(spec, random_weights(spec, 0), SourceInfo("tiny", "image")).with_layers("last")


def model_of(source, *, scaling="none", calibration=None):
    rng, d = np.random.default_rng(0), source.info.num_features
    features = FeatureMap("last layer", ((0, d),), scaling, rng.normal(size=d), rng.uniform(0.5, 2, d))
    vector = {"temperature": np.array([1.7]), "factor": np.array([1.5, 0.7, 1.0]), "offset": np.array([0.1, -0.2, 0.3])}
    head = FittedHead(features, "ridge", 1.0, rng.normal(size=(d, 3)), rng.normal(size=3), calibration or vector, 0, ())
    return TransferModel(source, Task("classification", LABELS), head)


def test_scaling_and_vector_calibration_fold_into_the_classifier(source, tmp_path):
    """Of the kind: another library, in a process where Headstart cannot be imported."""
    model, pictures = model_of(source), example_pictures(4)
    found = export(model, "timm", tmp_path / "out", check=pictures)
    record = json.loads((tmp_path / "out" / "parity.json").read_text())
    assert found.parity.flips == 0
    assert record["same_input"]["largest"] < 1e-4
    assert record["same_input"]["items"] == 4
    assert set(record["sha256"]) == {"README.md", "config.json", "model.py", "model.safetensors"}


def test_what_the_classifier_of_timm_cannot_hold_is_said_with_what_can(source, tmp_path):
    with pytest.raises(SourceError, match=r"reads rows of unit norm.*--layers standardised.*'onnx'"):
        export(model_of(source, scaling="unit_norm"), "timm", tmp_path / "out", check=example_pictures(1))
    every = TimmSource(source.spec, random_weights(source.spec, 0), SourceInfo("tiny", "image"))
    d = sum(block.width for block in every.info.blocks)
    model = model_of(source)
    wide = replace(model.head, feature_map=FeatureMap("all 6 blocks", ((0, d),), "none"), weight=np.ones((d, 3)))
    with pytest.raises(SourceError, match=r"but the head of this model reads 'all 6 blocks'; fit again with --layers"):
        export(TransferModel(every, model.task, wide), "timm", tmp_path / "out", check=example_pictures(1))
    assert list(tmp_path.iterdir()) == []


def test_the_classifier_of_every_architecture_is_found_or_refused():
    """Architectures with a linear classifier, a convolution of 1x1, two classifiers, and a pooling of their own."""
    import torch

    from headstart.export.folders.linear_layer import LinearLayer

    for name in ("test_resnet", "test_vit", "test_efficientnet", "test_convnext", "test_byobnet", "test_mambaout"):
        body = build(TimmSpec(name)).eval()
        pictures = torch.rand(2, 3, *body.pretrained_cfg["input_size"][1:])
        with torch.inference_mode():
            rows = body.forward_head(body.forward_features(pictures), pre_logits=True).double().numpy()
            layer = LinearLayer(
                np.random.default_rng(1).normal(size=(rows.shape[1], 3)), np.arange(3.0), *(False, "", 0)
            )
            logits = with_classifier(body, layer, "timm")(pictures).numpy()
        np.testing.assert_allclose(logits, rows @ layer.weight + layer.bias, atol=1e-4, err_msg=name)


@pytest.mark.realdata
@pytest.mark.slow
def test_hymenoptera_in_timm_has_the_logits_of_the_model(unpacked, tmp_path, three_folds):
    from headstart import fit

    folder = next(iter(unpacked("images/hymenoptera.tar").iterdir()))
    model = fit(folder, source="headstart:image", layers="standardised", verbose=False).model
    found = export(model, "timm", tmp_path / "out", check=folder)
    assert found.parity.items > 200
    assert found.parity.flips == 0
    assert found.parity.facts["same_input"]["largest"] < 1e-4


@pytest.mark.slow
def test_timm_alone_loads_the_folder_from_elsewhere(source, tmp_path):
    """As the page says, without `model.py`, from another folder, where Headstart cannot be imported."""
    model, pictures = model_of(source), example_pictures(4)
    export(model, "timm", tmp_path / "out", check=pictures)
    Image.fromarray(pictures[0]).save(tmp_path / "one.png")
    words = [sys.executable, "-I", "-c", ALONE, str(tmp_path / "out"), str(tmp_path / "one.png")]
    said = subprocess.run(words, capture_output=True, text=True, check=True, cwd=tmp_path).stdout.split()
    assert said[0] == model.predict([pictures[0]])[0]
    logits = np.array(said[1:], float)
    wanted = np.log(model.predict_proba([pictures[0]])[0])
    np.testing.assert_allclose(logits - logits.mean(), wanted - wanted.mean(), atol=0.02)  # predict may run in bf16
