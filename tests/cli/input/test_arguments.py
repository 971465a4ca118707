"""How to encode, as said on the command line; and that the fast path loads no training library."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from command_line import finish, pictures, start, texts, vectors, write_csv
from pyarrow import parquet
from safetensors import safe_open

from headstart.cli import embed

FIT = ("fit", "a.csv", "--source", "toy", "--baselines", "none", "--out", "run")
EMBED = ("embed", "a.csv", "--source", "toy", "--item", "text")


@pytest.fixture
def table(cli):
    return write_csv(cli.folder / "a.csv", texts())


def test_a_second_fit_takes_all_rows_from_the_store(cli, table):
    cli.works(*FIT, says=["24 items encoded once", "/s"])
    cli.works(*FIT, says=["; 24 from the store"])
    cli.works(*FIT, "--no-cache", says=["24 items encoded once"])


def test_the_record_says_how_items_were_encoded(cli, table):
    first = json.loads(cli.works(*FIT, "--json").out)
    second = json.loads(cli.works(*FIT, "--json").out)
    setup = first["encoding"].pop("setup_seconds")
    assert 0 <= setup < 1
    assert first["encoding"].pop("items_per_second") > 0
    assert first["encoding"] == {"backend": None, "precision": None, "encoded": 24, "from_store": 0, "notes": []}
    assert (second["encoding"]["encoded"], second["encoding"]["from_store"]) == (0, 24)
    assert json.loads((cli.folder / "run" / "manifest.json").read_text())["encoding"] == second["encoding"]


@pytest.mark.usefixtures("bare_cli")
def test_predict_and_evaluate_take_the_same_options(cli, table):
    cli.works(*FIT, "--no-cache", "--batch-size", "5")
    assert not (cli.folder / "cache").exists()
    for words in (("predict", "run", "my parcel 7 is late"), ("evaluate", "run", table)):
        cli.works(*words, "--no-cache", "--batch-size", "2", "--backend", "torch")
        assert not (cli.folder / "cache").exists()
    cli.works("predict", "run", "my parcel 7 is late")
    assert (cli.folder / "cache" / "features").is_dir()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--batch-size", "0"), ["--batch-size", "whole number of 1 or more", "'0'"]),
        (("--batch-size", "many"), ["--batch-size", "'many'"]),
        (("--backend", "tpu"), ["--backend", "tpu", "openvino"]),
    ],
)
@pytest.mark.parametrize(
    "verb", [FIT, (*EMBED, "--out", "rows.npy"), ("predict", "run", "x"), ("evaluate", "run", "a")]
)
def test_a_wrong_value_is_refused_by_the_parser(cli, verb, words, says):
    done = cli(*verb, *words)
    assert done.code == 2
    for word in says:
        assert word in done.err


@pytest.mark.parametrize("verb", [FIT, (*EMBED, "--out", "rows.npy")])
def test_workers_are_those_of_a_cluster(cli, table, verb):
    cli.refuses(*verb, "--workers", "2", code=2, says=["--workers", "--ray"])


def test_the_cluster_is_handed_everything(cli, table, monkeypatch):
    from headstart.engine.pipeline.streaming import encoded_batches
    from headstart.engine.ray import extraction

    heard = []

    def on_ray(source, items, order, pace, *, engine):
        heard.append((engine.ray, engine.workers, len(items)))
        return encoded_batches(source, items, order, pace)

    monkeypatch.setattr(extraction, "encoded_on_ray", on_ray)
    cli.works(*EMBED, "--out", "rows.npy", "--ray", "--workers", "3", "--no-cache")
    cli.works(*FIT, "--label-text", "none", "--ray", "10.0.0.1:6379")
    assert heard == [("auto", 3, 24), ("10.0.0.1:6379", None, 24)]


@pytest.mark.parametrize("verb", ["fit", "embed"])
def test_data_after_a_bare_ray_are_no_address(cli, table, verb):
    done = cli(verb, "--ray", "a.csv", "--out", "rows.npy")
    assert done.code == 2
    assert "'a.csv' is a file or folder, not an address. Write --ray after it, or --ray=ADDRESS." in done.err


@pytest.mark.usefixtures("bare_cli")
def test_inspect_caches_nothing_with_no_cache(cli):
    pictures(cli.folder / "photos")
    cli.works("inspect", "photos", "--no-cache")
    assert not (cli.folder / "cache").exists()
    cli.works("inspect", "photos")
    assert (cli.folder / "cache" / "features").is_dir()


LAYERS = [["letters", 32], ["trigrams", 64]]
COLUMNS = [f"{name}:{k}" for name, width in LAYERS for k in range(width)]


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_columns_of_several_layers_are_named(cli, table, suffix):
    cli.works(*EMBED, "--out", f"rows{suffix}", "--layers", "blocks")
    path = cli.folder / f"rows{suffix}"
    frame = pd.read_csv(path) if suffix == ".csv" else pd.read_parquet(path)
    assert list(frame) == ["id", *COLUMNS]
    cli.works(*EMBED, "--out", f"rows{suffix}")
    frame = pd.read_csv(path) if suffix == ".csv" else pd.read_parquet(path)
    assert list(frame) == ["id", *(f"f{k}" for k in range(64))]


def test_every_format_that_has_room_tells_the_layers(cli, table):
    for layers, blocks in {"last": LAYERS[1:], "all": LAYERS, "trigrams,letters": LAYERS[::-1]}.items():
        words = (*EMBED, "--layers", layers, "--json")
        assert json.loads(cli.works(*words, "--out", "rows.npy").out)["blocks"] == blocks
        cli.works(*words, "--out", "rows.parquet")
        assert json.loads(parquet.read_schema(cli.folder / "rows.parquet").metadata[b"blocks"]) == blocks
        cli.works(*words, "--out", "rows.safetensors")
        with safe_open(cli.folder / "rows.safetensors", "np") as file:
            assert json.loads(file.metadata()["blocks"]) == blocks


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
@pytest.mark.parametrize("per", ["item", "position"])
def test_tables_are_written_a_slice_at_a_time(cli, table, suffix, per, monkeypatch):
    made = {}
    for size in (embed.SLICE_BYTES, 5 * 64 * 4):
        monkeypatch.setattr(embed, "SLICE_BYTES", size)
        cli.works(*EMBED, "--per", per, "--out", f"rows{suffix}")
        path = cli.folder / f"rows{suffix}"
        made[size] = pd.read_csv(path) if suffix == ".csv" else pd.read_parquet(path)
    pd.testing.assert_frame_equal(*made.values())
    assert len(made[size]) == 24 if per == "item" else len(made[size]) > 24
    if suffix == ".parquet":
        assert parquet.ParquetFile(path).num_row_groups == -(-len(made[size]) // 5)


def test_embed_gives_the_layers_that_are_asked_for(cli, table):
    widths = {"last": 64, "blocks": 96, "all": 96, "letters": 32, "trigrams,letters": 96}
    rows = {}
    for layers, width in widths.items():
        cli.works(*EMBED, "--out", "rows.npy", "--layers", layers, says=[f"24 rows of {width} features"])
        rows[layers] = np.load(cli.folder / "rows.npy")
        assert rows[layers].shape == (24, width)
    np.testing.assert_array_equal(rows["blocks"], rows["all"])
    np.testing.assert_array_equal(rows["trigrams,letters"], np.hstack([rows["last"], rows["letters"]]))


def test_embed_shares_its_rows_with_a_fit(cli, table):
    cli.works(*FIT)
    cli.works(*EMBED, "--out", "rows.npy", says=["24 from the store"])
    cli.works(*EMBED, "--out", "rows.npy", "--layers", "blocks", says=["24 from the store"])


def test_layers_that_are_not_there_are_refused(cli, table):
    out = ("--out", "rows.npy")
    cli.refuses(
        *EMBED, *out, "--layers", "trigram", code=2, says=["unknown layer 'trigram'", "did you mean 'trigrams'"]
    )
    cli.refuses(*EMBED, *out, "--layers", "letters,,x", code=2, says=["--layers must be", "'letters,,x'"])
    rows = write_csv(cli.folder / "rows.csv", vectors())
    cli.refuses("embed", rows, *out, "--layers", "all", code=2, says=["'vector' has no layers"])
    cli.refuses("embed", rows, "--out", "r.csv", "--per", "position", code=2, says=["one row per item"])


def positions(cli, suffix: str) -> Path:
    lines = [["text"], ["one two three"], ["four"], ["five six"]]
    write_csv(cli.folder / "a.csv", lines)
    cli.works(*EMBED, "--per", "position", "--out", f"rows{suffix}", says=["6 rows of 64 features"])
    return cli.folder / f"rows{suffix}"


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_row_for_each_position_in_a_table(cli, suffix):
    path = positions(cli, suffix)
    frame = pd.read_csv(path) if suffix == ".csv" else pd.read_parquet(path)
    assert [str(value) for value in frame["id"]] == ["0", "0", "0", "1", "2", "2"]
    assert frame["position"].tolist() == [0, 1, 2, 0, 0, 1]
    assert frame.shape == (6, 66)


def test_a_row_for_each_position_in_safetensors(cli):
    with safe_open(positions(cli, ".safetensors"), "np") as file:
        assert file.get_tensor("offsets").tolist() == [0, 3, 4, 6]
        assert file.get_tensor("features").shape == (6, 64)
        assert json.loads(file.metadata()["ids"]) == ["0", "1", "2"]


def test_an_array_file_has_no_place_for_positions(cli, table):
    cli.refuses(
        *EMBED, "--per", "position", "--out", "rows.npy", code=2, says=[".npy", ".parquet, .csv or .safetensors"]
    )


HEAVY = """
import atexit
heavy = ("torch", "timm", "transformers", "torchvision", "openvino.frontend.pytorch")
atexit.register(lambda: print("loaded:", [name for name in heavy if name in sys.modules], file=sys.stderr))
"""
PREDICT = ("predict", "run", "my parcel 7 is late")
EVALUATE = ("evaluate", "run", "a.csv")


@pytest.mark.parametrize(
    "words",
    [
        (*FIT, "--baselines", "fast"),
        pytest.param(PREDICT, marks=pytest.mark.slow),  # the next test says more
        EVALUATE,
        pytest.param((*EMBED, "--out", "rows.csv"), marks=pytest.mark.slow),  # it is the first part of a fit
    ],
)
def test_the_fast_path_loads_no_training_library(cli, run, table, words):
    done = finish(start(HEAVY, *words, folder=cli.folder))
    assert done.code == 0, done.told
    assert "loaded: []" in done.err


def test_predicting_loads_little(cli, run):
    code = HEAVY.replace('("torch",', '("scipy", "sklearn", "pandas", "pyarrow", "torch",')
    done = finish(start(code, *PREDICT, folder=cli.folder))
    assert "loaded: []" in done.err


@pytest.mark.realdata
@pytest.mark.slow
@pytest.mark.parametrize("kind", ["image", "text"])
def test_once_a_body_is_converted_nothing_loads_a_training_library(cli, real_data, kind):
    if kind == "text":
        data, item, source = write_csv(cli.folder / "a.csv", texts()), "where is my parcel", ()
    else:
        data = pictures(cli.folder / "photos")
        weights = real_data / "weights" / "mobilenetv2_100.tv_in1k.safetensors"
        item, source = "photos/ant/0.png", ("--source", f"local:{weights}")
    fit = ("fit", data, *source, "--out", "run")
    embed = ("embed", data, *source, "--out", "rows.npy")
    for words in (fit, ("predict", "run", item), embed):
        cli.works(*words, "--backend", "openvino")
    for words in (fit, ("predict", "run", item), ("evaluate", "run", data), embed):
        for more in ((), ("--no-cache",)):
            done = finish(start(HEAVY, *words, "--backend", "openvino", *more, folder=cli.folder))
            assert done.code == 0, done.told
            assert "loaded: []" in done.err, words
