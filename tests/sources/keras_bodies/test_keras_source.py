"""A model of Keras as a source: saved, fine-tuned, converted, and from fit to prediction."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from keras_models import dark_and_light

import headstart
from headstart.cli.main import main
from headstart.engine.extract import extract
from headstart.engine.options import Engine
from headstart.sources.registry import open_saved, open_source
from headstart.tune.moving.contract import Training, with_settings
from headstart.tune.registry import STRATEGIES


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


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    return dark_and_light(tmp_path_factory.mktemp("photos") / "data", 12)


@pytest.mark.slow
def test_a_model_predicts_in_a_new_process(tiny, photos, tmp_path):
    """The run folder holds the graph and the weights; neither Keras nor the file is needed any more."""
    file = tmp_path / "mine.keras"
    file.write_bytes(tiny[0].read_bytes())
    run, picture = str(tmp_path / "run"), str(photos / "light" / "0.png")
    assert main(["fit", str(photos), "--source", f"local:{file}", "--out", run, "--baselines", "none"]) == 0
    file.unlink()
    code = "import sys; sys.modules['keras'] = sys.modules['h5py'] = None; from headstart.cli.main import main; "
    command = [sys.executable, "-c", f"{code}sys.exit(main(['predict', {run!r}, {picture!r}]))"]
    found = subprocess.run(command, check=False, capture_output=True, text=True)
    assert found.returncode == 0, found.stderr
    assert "light" in found.stdout


def test_openvino_agrees_with_torch(tiny):
    pytest.importorskip("openvino")
    source, pictures = open_source(f"local:{tiny[0]}"), list(tiny[1]["x"])
    converted = extract(source, pictures, engine=Engine(backend="openvino", cache=False)).rows
    assert source.runtime.backend == "openvino"
    body = source.trainable()
    with torch.no_grad():
        wanted = torch.cat(body.forward(body.module, torch.from_numpy(tiny[1]["x"])), 1).numpy()
    cosine = (converted * wanted).sum(1) / np.linalg.norm(converted, axis=1) / np.linalg.norm(wanted, axis=1)
    assert cosine.min() > 0.999


@pytest.mark.parametrize("name", ["bitfit", "full"])
def test_one_epoch_of_fine_tuning_through_fit(tiny, photos, name):
    strategy = with_settings(STRATEGIES[name], training=Training(epochs=1, batch_size=8))
    run = headstart.fit(photos, source=f"local:{tiny[0]}", strategy=strategy, baselines="none", verbose=False)
    moved = run.record["strategy"]
    assert (moved["name"], moved["training"]["epochs"]) == (name, 1)
    assert name in run.model.source.info.name  # the body that was trained is the one that is kept
    assert run.model.predict([photos / "light" / "0.png", photos / "dark" / "0.png"]) == ["light", "dark"]
