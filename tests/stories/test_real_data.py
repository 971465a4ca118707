"""The main job on real images, sounds and texts with real weights: floors of accuracy, and a model that holds.

The floors are those that the project promises; benchmarks/RESULTS.md has the figures reached, with intervals.
"""

from __future__ import annotations

import shutil
import subprocess
import sys

import numpy as np
import pytest

import headstart
from headstart.io import read_json

pytestmark = pytest.mark.realdata


def weights(real_data, name: str) -> str:
    return f"local:{real_data / 'weights' / f'mobilenetv2_100.{name}.safetensors'}"


def accuracy_of(run: headstart.Run) -> float:
    metric = run.evaluation.metrics["accuracy"]
    assert metric.low < metric.value < metric.high
    return metric.value


@pytest.fixture(scope="module")
def insects(real_data, tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "insects"
    data = real_data / "images" / "hymenoptera.tar"
    return headstart.fit(str(data), source=weights(real_data, "tf_in1k"), out=out)


@pytest.mark.slow
def test_hymenoptera_with_baselines_and_transfer_gain(insects):
    assert accuracy_of(insects) >= 0.95
    assert [found.name for found in insects.baselines] == ["majority", "raw pixels", "untrained body"]
    assert insects.record["transfer_gain"]["low"] > 0.1
    assert insects.evaluation.n == 153


@pytest.mark.slow
def test_the_saved_model_predicts_the_same_elsewhere(insects, unpacked, tmp_path):
    """A new process, another copy of the folder, and no weights beside it."""
    shutil.copytree(insects.path, tmp_path / "copy")
    pictures = sorted(str(path) for path in unpacked("images/hymenoptera.tar").glob("val/*/*.jpg"))[:40]
    (tmp_path / "list.txt").write_text("\n".join(pictures))
    code = (
        "import sys, numpy as np; from headstart import TransferModel;"
        "items = open(sys.argv[2]).read().splitlines();"
        "np.save(sys.argv[3], TransferModel.load(sys.argv[1]).predict_proba(items))"
    )
    arguments = [str(tmp_path / "copy"), str(tmp_path / "list.txt"), str(tmp_path / "proba.npy")]
    subprocess.run([sys.executable, "-c", code, *arguments], check=True)
    np.testing.assert_allclose(np.load(tmp_path / "proba.npy"), insects.predict_proba(pictures), rtol=0, atol=1e-6)


@pytest.mark.slow
def test_the_saved_body_is_not_a_link_to_the_old_place(insects, real_data):
    config = read_json(insects.path / "config.json")
    assert config["source"]["reference"] == {"name": "local:."}
    assert (insects.path / "body" / "model.safetensors").stat().st_size > 10**6


@pytest.mark.slow
def test_an_insect_fits_its_class(insects, unpacked):
    bees = sorted(str(path) for path in unpacked("images/hymenoptera.tar").glob("val/bees/*.jpg"))[:20]
    assert insects.predict(bees).count("bees") >= 17


@pytest.mark.slow
def test_fsdd_as_pictures_of_sounds(real_data):
    run = headstart.fit(
        str(real_data / "audio" / "fsdd_1200.tar.gz"), source=weights(real_data, "tv_in1k"), baselines="fast"
    )
    assert accuracy_of(run) >= 0.86
    assert run.baselines[1].name == "mel statistics"


@pytest.mark.slow
def test_trec6(real_data):
    run = headstart.fit(str(real_data / "text" / "trec6"), source="headstart:text", baselines="none")
    assert accuracy_of(run) >= 0.95
    assert run.evaluation.n == 500
    assert any(finding.kind == "leak" for finding in run.audit.findings)


@pytest.mark.slow
def test_esc10_by_its_folds(real_data):
    run = headstart.fit(str(real_data / "audio" / "esc10.tar"), source=weights(real_data, "tv_in1k"))
    assert accuracy_of(run) >= 0.88
    assert "leave-one-group-out over 5 groups" in run.record["evaluation"]["how"]
    assert run.record["transfer_gain"]["low"] > 0


@pytest.mark.slow
def test_esc10_by_its_folds_with_yamnet(real_data):
    source = f"local:{real_data / 'weights' / 'yamnet_audioset.safetensors'}"
    run = headstart.fit(str(real_data / "audio" / "esc10.tar"), source=source, baselines="none")
    assert accuracy_of(run) >= 0.96
    assert "leave-one-group-out over 5 groups" in run.record["evaluation"]["how"]


@pytest.mark.slow
def test_hymenoptera_and_clothing10_with_the_other_weights(real_data):
    source = weights(real_data, "tv_in1k")
    assert accuracy_of(headstart.fit(str(real_data / "images" / "hymenoptera.tar"), source=source)) >= 0.93
    assert accuracy_of(headstart.fit(str(real_data / "images" / "clothing10_cc0.tar"), source=source)) >= 0.86


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "floor"), [("banking77", 0.925), ("twitter_financial_news", 0.83), ("clinc150", 0.945)]
)
def test_texts_of_many_kinds(real_data, name, floor):
    run = headstart.fit(str(real_data / "text" / name), source="headstart:text", baselines="none")
    assert accuracy_of(run) >= floor


@pytest.mark.slow
def test_banking77_with_ten_texts_a_class(real_data):
    import pandas as pd

    train, test = (pd.read_csv(real_data / "text" / "banking77" / f"{part}.csv") for part in ("train", "test"))
    reached = []
    for seed in range(5):
        few = train.groupby("label").sample(10, random_state=seed).assign(split="train")
        both = pd.concat([few, test.assign(split="test")])
        run = headstart.fit(both, source="headstart:text", label="label", item="text", baselines="none")
        reached.append(accuracy_of(run))
    assert np.mean(reached) >= 0.81
