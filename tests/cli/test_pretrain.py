"""``headstart pretrain``: a source task as a command."""

import json

import pytest
from command_line import finish, pictures, start

from headstart.sources import open_source

SMALL = ("--architecture", "test_resnet", "--side", "32")
FAST = ("--epochs", "3", "--batch-size", "8", "--learning-rate", "0.005", "--augment", "none", "--keep-trained")


def test_a_pretrained_body_is_a_source_with_a_card(cli):
    pictures(cli.folder / "photos", count=12)
    words = ("pretrain", "photos", *SMALL, *FAST, "--license", "CC0-1.0", "--out", "body")
    done = cli.works(
        *words, says=["timm:test_resnet with random weights", "which chose the epoch", "is kept as asked", "saved"]
    )
    assert "headstart fit DATA --source local:body" in done.out
    record = json.loads((cli.folder / "body" / "pretraining.json").read_text())
    assert record["data"]["labels"] == ["ant", "bee"]
    assert [row["epoch"] for row in record["history"]] == [1.0, 2.0, 3.0]
    card = (cli.folder / "body" / "README.md").read_text()
    assert "accuracy" in card
    assert "kept by --keep-trained" in card
    assert "Licence of the weights: CC0-1.0" in card
    assert open_source("local:body").info.license == "CC0-1.0"
    assert not list((cli.folder / "cache").glob("trainings/*"))
    cli.works("fit", "photos", "--source", "local:body", "--baselines", "none", says=["saved"])


@pytest.mark.slow
def test_a_source_is_trained_further_and_keeps_its_licence(cli):
    pictures(cli.folder / "photos", count=12)
    words = ("--source", "headstart:image", "--epochs", "1", "--keep-trained", "--json", "--out", "body")
    done = cli("pretrain", "photos", *words)
    assert done.code == 0, done.err
    found = json.loads(done.out)
    assert found["start"] == "headstart:image with its weights"
    assert open_source("local:body").info.license == "Apache-2.0"


def test_what_is_no_better_than_its_start_is_refused(cli):
    pictures(cli.folder / "photos", count=12)
    words = ("pretrain", "photos", *SMALL, *FAST[:-1], "--out", "body")
    cli.refuses(*words, code=1, says=["no source to keep", "--keep-trained"])
    assert not (cli.folder / "body").exists()


def test_annotations_are_refused(cli):
    cli.refuses("pretrain", "x", "--annotations", "coco", "-o", "body", code=2, says=["whole items"])


@pytest.mark.slow
def test_a_killed_pretraining_goes_on_to_the_same_weights(cli):
    pictures(cli.folder / "photos", count=12)
    words = ("pretrain", "photos", *SMALL, *FAST, "--backend", "torch")
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
    assert finish(start(code, *words, "--out", "body", folder=cli.folder, **cache)).code == -9
    assert not (cli.folder / "body").exists()
    for name in ("body", "undisturbed"):
        # in processes of their own, as the killed one: sums of floats depend on the number of threads
        assert finish(start("", *words, "--out", name, folder=cli.folder, **cache)).code == 0
    one, other = ((cli.folder / name / "model.safetensors").read_bytes() for name in ("body", "undisturbed"))
    assert one == other
