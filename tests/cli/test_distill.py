"""``headstart distill``: a small body learns from larger ones."""

import json

import numpy as np
import pytest
from command_line import finish, pictures, sounds, start, texts, write_csv

from headstart.engine.cache.folder import cache_entries
from headstart.sources import open_source

FAST = ("--epochs", "2", "--no-augment")


def test_a_small_body_learns_from_a_large_one_and_is_a_source(cli, tiny_body):
    pictures(cli.folder / "photos", count=10)
    words = ("distill", "photos", "--teacher", "headstart:image", "--student", tiny_body, "--out", "small", *FAST)
    done = cli.works(*words, says=["20 image items", "teacher", "student", "loss on held-out items", "saved"])
    assert "headstart fit DATA --source local:small" in done.out
    record = json.loads((cli.folder / "small" / "distillation.json").read_text())
    assert record["teachers"] == [{"given": "headstart:image", "name": "headstart:image", "license": "Apache-2.0"}]
    assert record["student"] == tiny_body
    assert [row["epoch"] for row in record["history"]] == [1.0, 2.0]
    assert (cli.folder / "small" / "training.csv").read_text().count("\n") == 3
    moved, before = open_source("local:small"), open_source(tiny_body)
    photos = sorted((cli.folder / "photos").rglob("*.png"))[:4]
    assert np.abs(moved.encode(photos) - before.encode(photos)).max() > 1e-3
    cli.works("fit", "photos", "--source", "local:small", "--baselines", "none", says=["saved"])


@pytest.fixture
def taught(monkeypatch):
    """A few steps on a few items teach nothing, which is an error; here the way from the words to the folder counts."""
    monkeypatch.setattr("headstart.tune.distillation.distill.check_trained", lambda *_: None)


@pytest.mark.usefixtures("taught")
def test_fresh_weights_and_several_teachers(cli, tiny_body):
    pictures(cli.folder / "photos", count=10)
    words = ("--teacher", "headstart:image", "--teacher", tiny_body, "--architecture", "test_resnet", "--side", "32")
    done = cli("distill", "photos", *words, "--out", "small", "--json", *FAST)
    assert done.code == 0, done.err
    found = json.loads(done.out)
    assert found["student"] == "timm:test_resnet (untrained, seed 0)"
    assert len(found["teachers"]) == 2
    assert found["loss"]["after"] <= found["loss"]["before"]
    assert open_source("local:small").info.input["input_size"] == [3, 32, 32]


@pytest.mark.usefixtures("taught")
@pytest.mark.slow
def test_the_answers_of_a_fitted_model_are_learnt_beside_its_rows(cli, tiny_body, tiny_image_run):
    pictures(cli.folder / "photos", count=10)
    found = {}
    for name, teacher in (("rows", tiny_body), ("both", str(tiny_image_run))):  # the run was fitted on that very body
        words = ("--teacher", teacher, "--student", "headstart:image", "--out", name)
        done = cli.works("distill", "photos", *words, *FAST, says=["saved"])
        assert ("its predictions are targets too" in done.out) == (name == "both")
        found[name] = json.loads((cli.folder / name / "distillation.json").read_text())
    assert found["both"]["teachers"][0]["given"] == str(tiny_image_run)
    assert found["both"]["loss"]["before"] > found["rows"]["loss"]["before"] + 1e-4


def test_only_the_training_part_of_a_given_split_is_learnt_from(cli, tiny_body):
    for part in ("train", "test"):
        pictures(cli.folder / "photos" / part, count=5)
    words = ("distill", "photos", "--teacher", tiny_body, "--out", "small", *FAST)
    cli.works(*words, says=["training part of the given split", "10 image items"])


def test_a_picture_that_cannot_be_read_is_set_aside_by_name(cli, tiny_body):
    pictures(cli.folder / "photos", count=5)
    (cli.folder / "photos" / "ant" / "broken.png").write_bytes(b"no picture")
    done = cli("distill", "photos", "--teacher", tiny_body, "--out", "small", *FAST)
    assert done.code == 0, done.err
    assert "Set aside ant/broken.png" in done.out + done.err
    record = json.loads((cli.folder / "small" / "distillation.json").read_text())
    assert (record["items"], record["failures"]) == (10, 1)


@pytest.mark.slow
def test_sounds_learn_through_pictures(cli, tiny_body):
    sounds(cli.folder / "calls", count=5)
    words = ("--teacher", tiny_body, "--architecture", "test_resnet", "--side", "32", "--loss", "cosine", "--no-cache")
    cli.works("distill", "calls", *words, "--out", "small", *FAST, says=["10 audio items", "saved"])
    assert open_source("local:small").info.modality == "audio"
    cli.works("fit", "calls", "--source", "local:small", "--baselines", "none", says=["saved"])


def test_checkpoints_go_when_it_is_done_and_licences_stay(cli, tiny_body):
    pictures(cli.folder / "photos", count=5)
    cli.works("distill", "photos", "--teacher", "headstart:image", "--student", tiny_body, "--out", "small", *FAST)
    assert not list((cli.folder / "cache").glob("training/*"))
    assert open_source("local:small").info.license == "not stated, Apache-2.0"


@pytest.mark.slow
def test_a_killed_distillation_goes_on_to_the_same_weights(cli, tiny_body):
    pictures(cli.folder / "photos", count=10)
    words = ("distill", "photos", "--teacher", "headstart:image", "--student", tiny_body, "--epochs", "3")
    code = """
import headstart.tune.training.loop as loop, os
whole = loop._Run._close_epoch
def close(run, log):
    whole(run, log)
    run._write()
    os.kill(os.getpid(), 9)
loop._Run._close_epoch = close
"""
    cache = {"HEADSTART_CACHE": str(cli.folder / "cache")}
    assert finish(start(code, *words, "--out", "small", folder=cli.folder, **cache)).code == -9
    assert not (cli.folder / "small").exists()
    [entry] = cache_entries(("training",))
    assert (entry.about["source"], entry.about["form"]) == (tiny_body, "distillation")
    cli.works(*words, "--out", "small", says=["saved"])
    cli.works(*words, "--out", "undisturbed", says=["saved"])
    one, other = ((cli.folder / name / "model.safetensors").read_bytes() for name in ("small", "undisturbed"))
    assert one == other


@pytest.mark.usefixtures("taught")
def test_texts(cli):
    table = write_csv(cli.folder / "a.csv", texts())
    words = ("distill", table, "--item", "text", "--teacher", "toy", "--out", "small", "--epochs", "1")
    cli.works(*words, says=["24 text items", "saved"])


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--teacher", "vector"], ["encodes vector items", "--teacher"]),
        (["--teacher", "headstart:image", "--student", "vector"], ["encodes vector items", "--student"]),
        (
            ["--teacher", "headstart:image", "--architecture", "vit_tiny_patch16_224", "--side", "48"],
            ["cannot read pictures of 48"],
        ),
        (["--teacher", "headstart:image", "--time-limit", "soon"], ["duration", "'soon'"]),
        (["--teacher", "headstart:image", "--student", "toy"], ["student 'toy' has no body that can be fine-tuned"]),
        (["--teacher", "headstart:image", "--side", "32"], ["--side goes with --architecture"]),
        (["--teacher", "headstart:image", "--architecture", "resnet18x"], ["timm has no architecture 'resnet18x'"]),
        (["--teacher", "runs/none"], ["runs/none"]),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_written(cli, words, says):
    pictures(cli.folder / "photos", count=3)
    cli.refuses("distill", "photos", *words, "--out", "small", code=2, says=says)
    assert not (cli.folder / "small").exists()


def test_a_folder_that_is_there_is_left_alone(cli):
    pictures(cli.folder / "photos", count=3)
    says = ["'photos' already exists", "--out"]
    cli.refuses("distill", "photos", "--teacher", "headstart:image", "--out", "photos", code=2, says=says)


def test_a_fitted_teacher_of_another_kind(cli, run):
    pictures(cli.folder / "photos", count=3)
    says = ["'run' reads text items", "--teacher"]
    cli.refuses("distill", "photos", "--teacher", run, "--out", "small", code=2, says=says)
