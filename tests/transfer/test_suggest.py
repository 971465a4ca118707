"""`suggest` and its command: reading a pool, near duplicates of training items, and the files."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

import headstart
from headstart.cli.main import main
from headstart.errors import DataError, ItemError, UsageError

GOOD = ["good film", "a good one", "lovely work", "what a good day", "so good and lovely"]
BAD = ["bad film", "a bad one", "awful work", "what a bad day", "so bad and awful"]
NEW = ["a lovely film", "an awful film", "neither this nor that", "quite another thing entirely", "a dull and long day"]


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> headstart.Run:
    texts = [f"{text} {word}" for word in ("today", "again", "indeed", "really") for text in GOOD + BAD]
    labels = (["+"] * 5 + ["-"] * 5) * 4
    out = tmp_path_factory.mktemp("runs") / "films"
    return headstart.fit((texts, labels), source="toy", baselines="none", verbose=False, out=out)


@pytest.fixture
def pool(tmp_path) -> Path:
    path = tmp_path / "new.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "patient"])
        writer.writerows([text, f"p{i % 2}"] for i, text in enumerate([*NEW, "good film today", NEW[2] + "!"]))
    return path


def test_a_list_a_table_and_a_run_folder_give_the_same_items(run, pool):
    texts = [*NEW, "good film today", NEW[2] + "!"]
    listed, read = run.model.suggest(texts, n=3), headstart.suggest(run.path, pool, n=3, item="text")
    assert [one.item for one in read] == [texts[i] for i in read.index]
    assert len(listed) == len(read) == 3


def test_copies_of_training_items_and_of_suggested_ones_are_skipped(run, pool):
    found = headstart.suggest(run, pool, n=5, item="text")
    assert found.near_training == 1
    assert "good film today" not in [one.item for one in found]
    assert len({one.item.rstrip("!") for one in found}) == 5


def test_an_empty_text_is_not_suggested(run):
    found = run.model.suggest([*NEW, "", "   "], n=5)
    assert set(found.index) == set(range(5))
    assert list(found.failures) == ["5", "6"]


def test_fewer_items_than_asked_for_is_an_error(run):
    with pytest.raises(DataError, match="50 items were asked for, but there are only 5"):
        run.model.suggest(NEW)


def test_items_of_another_kind_are_refused(run, tmp_path):
    from PIL import Image

    for number in range(3):
        Image.fromarray(np.full((8, 8, 3), number, np.uint8)).save(tmp_path / f"{number}.png")
    with pytest.raises(DataError, match="text"):
        headstart.suggest(run, tmp_path, n=2)


def test_unreadable_items_are_left_out_and_named(tmp_path, tiny_body):
    from PIL import Image

    rng = np.random.default_rng(0)
    for kind, shade in (("dark", 40), ("light", 200)):
        (tmp_path / "train" / kind).mkdir(parents=True)
        for number in range(12):
            noise = rng.integers(-30, 30, (32, 32, 3))
            Image.fromarray((shade + noise).astype(np.uint8)).save(tmp_path / "train" / kind / f"{number}.png")
    run = headstart.fit(tmp_path / "train", source=tiny_body, baselines="none", verbose=False)
    (tmp_path / "new").mkdir()
    for number in range(4):
        Image.fromarray(rng.integers(0, 255, (32, 32, 3), np.uint8)).save(tmp_path / "new" / f"{number}.png")
    whole = (tmp_path / "new" / "3.png").read_bytes()
    (tmp_path / "new" / "broken.png").write_bytes(whole[: len(whole) // 2])
    found = headstart.suggest(run, tmp_path / "new", n=3)
    assert list(found.failures) == ["broken.png"]
    assert "broken.png" not in {one.id for one in found}
    with pytest.raises(DataError, match=r"only 4 to choose from \(1 cannot be read\)"):
        headstart.suggest(run, tmp_path / "new", n=5)
    (tmp_path / "none").mkdir()
    for name in ("a.png", "b.png"):
        (tmp_path / "none" / name).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ItemError, match="None of the items"):
        headstart.suggest(run, tmp_path / "none", n=1)


def test_suggestions_are_written_as_a_table_and_as_tasks(run, tmp_path):
    found = headstart.suggest(run, NEW, n=3)
    rows = list(csv.DictReader(found.save(tmp_path / "next.csv").read_text().splitlines()))
    assert [row["item"] for row in rows] == [NEW[i] for i in found.index]
    assert list(rows[0]) == ["id", "item", "prediction", "probability", "gain", "similar", "novel", "why"]
    tasks = json.loads(found.save(tmp_path / "next.json").read_text())
    assert [task["data"]["text"] for task in tasks] == [NEW[i] for i in found.index]
    assert tasks[0]["predictions"][0]["model_version"] == "films"
    assert "<Choices" in (tmp_path / "next.xml").read_text()
    with pytest.raises(UsageError, match=r"\.csv or \.json"):
        found.save(tmp_path / "next.txt")


def test_the_command_writes_a_table_lines_or_json(run, pool, tmp_path, capsys):
    words = ["suggest", str(run.path), str(pool), "--item", "text", "--n", "3"]
    assert main(words) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert all(len(line.split("\t")) == 4 for line in lines)
    assert main([*words, "--json", "--out", str(tmp_path / "next.json")]) == 0
    record = json.loads(capsys.readouterr().out)
    assert len(record["suggestions"]) == 3
    assert record["near_training"] == 1
    assert (tmp_path / "next.xml").is_file()
    assert main([*words, "--out", str(tmp_path / "next.csv")]) == 0
    assert "3 suggestions written to" in capsys.readouterr().out


def test_the_command_spreads_over_groups(run, pool, capsys):
    assert main(["suggest", str(run.path), str(pool), "--item", "text", "--n", "2", "--group-col", "patient"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 2


def test_the_command_refuses_what_is_wrong_with_one_sentence(run, pool, tmp_path, capsys):
    assert main(["suggest", str(run.path), str(pool), "--item", "text"]) == 2
    assert "50 items were asked for" in capsys.readouterr().err
    assert main(["suggest", str(run.path), str(pool), "--out", str(tmp_path / "a.parquet")]) == 2
    assert main(["suggest", str(run.path), str(tmp_path / "nowhere.csv"), "--n", "1"]) == 2


def test_a_zero_shot_model_is_taught_from_its_first_label_on():
    model = headstart.zero_shot(["parcel", "refund"], source="toy", verbose=False)
    found = model.suggest(["my parcel", "where is my parcel", "money back", "give me a refund", "hello"], n=2)
    assert len(found) == 2
    better = model.update([found.chosen[0]], ["parcel"])
    assert better.moments.n == model.moments.n + 1


def test_another_file_of_the_name_of_the_interface_is_kept(run, pool, tmp_path, capsys):
    (tmp_path / "next.xml").write_text("years of work")
    for _ in range(2):  # the second time, the interface is the one that is there
        assert main(["suggest", str(run.path), str(pool), "--n", "2", "--out", str(tmp_path / "next.json")]) == 0
        told = "".join(capsys.readouterr())
        assert "next-2.xml" in told
        assert "next.xml is kept" in told
    assert (tmp_path / "next.xml").read_text() == "years of work"
    assert (tmp_path / "next-2.xml").read_text().startswith("<View>")
    assert not (tmp_path / "next-3.xml").exists()
