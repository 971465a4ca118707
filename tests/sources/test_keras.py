"""Applications of Keras: VGG16 from a cache folder to a fitted model in one command, and what is missing there."""

import json
import tarfile
from collections import Counter
from dataclasses import replace

import pytest
from keras_models import VGG16, dark_and_light, run_keras

from headstart.cli.main import main
from headstart.errors import SourceError, UnknownNameError
from headstart.sources.keras_bodies import applications
from headstart.sources.registry import describe, open_source


def test_facts_need_neither_keras_nor_weights():
    info = describe("keras:VGG16")
    assert (info.modality, info.input["preprocessing"], info.input["input_size"]) == ("image", "caffe", [3, 224, 224])
    with pytest.raises(UnknownNameError, match="VGG19"):
        describe("keras:VGG61")


@pytest.fixture(scope="module")
def vgg16(tmp_path_factory):
    """Keras' folder with random weights of VGG16, where the published ones would be."""
    pytest.importorskip("h5py")
    home = tmp_path_factory.mktemp("keras-home")
    (home / "models").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KERAS_HOME", str(home))
        with pytest.raises(SourceError, match="while online"):
            open_source("keras:VGG16")
    run_keras(VGG16, str(home / "models" / applications.application("VGG16").file))
    return home


@pytest.fixture
def any_weights(vgg16, monkeypatch):
    """Keras' folder is that of the random weights, whose digest is not compared with the published one."""
    known = applications.application("VGG16")
    monkeypatch.setenv("KERAS_HOME", str(vgg16))
    monkeypatch.setattr("headstart.sources.keras.application", lambda _: replace(known, md5=""))


@pytest.mark.slow
def test_other_weights_than_the_published_ones_are_refused(vgg16, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(vgg16))
    with pytest.raises(SourceError, match="Keras states"):
        open_source("keras:VGG16")


@pytest.mark.slow
@pytest.mark.usefixtures("any_weights")
def test_vgg16_in_one_command(tmp_path):
    data = dark_and_light(tmp_path / "data", 8)
    run = tmp_path / "run"
    assert main(["fit", str(data), "--source", "keras:VGG16", "--baselines", "none", "--out", str(run)]) == 0


@pytest.mark.slow
@pytest.mark.realdata
@pytest.mark.usefixtures("any_weights")
def test_vgg16_on_cifar10_in_one_command(real_data, tmp_path, capsys):
    """Random weights, 20 training and 10 test pictures of each class: better than chance, .10, by three deviations."""
    taken: Counter[str] = Counter()
    with tarfile.open(real_data / "images" / "cifar10_5k.tar.gz") as archive:
        for member in archive:
            folder = member.name.rpartition("/")[0]
            if member.isfile() and taken[folder] < (20 if folder.startswith("train") else 10):
                taken[folder] += 1
                archive.extract(member, tmp_path / "cifar10", filter="data")
    assert sum(taken.values()) == 300
    data, run = tmp_path / "cifar10", tmp_path / "run"
    assert main(["fit", str(data), "--source", "keras:VGG16", "--baselines", "none", "--out", str(run)]) == 0
    accuracy = json.loads((run / "metrics.json").read_text())["evaluation"]["metrics"]["accuracy"]["value"]
    assert accuracy >= 0.19
    capsys.readouterr()
    picture = next((data / "test" / "ship").iterdir())
    assert main(["predict", str(run), str(picture), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["predictions"]
