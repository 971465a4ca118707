"""What a fit shows at 80 and at 50 columns, in any encoding, and with names that try to steer the terminal."""

from __future__ import annotations

import io
import json
import os
import sys

import pytest
from command_line import finish, pictures, refusal, start, texts, vectors, write_csv

from headstart.cli.main import main
from headstart.reporting.text import display_width

FIT = ("fit", "a.csv", "--source", "toy", "--baselines", "none", "--out", "run")
READ = ("a.csv", "--source", "headstart:text")
RED, BIDI, C1, BELL = "\x1b[31mred", "a\u202eb", "c\x9b31m", "d\x07"


def with_a_rare_class(cli) -> None:
    write_csv(cli.folder / "a.csv", [*texts(24), ["one of its own", "rare"]])


def labelled(out: str) -> dict[str, list[str]]:
    """The lines of each label, further lines below it included."""
    found: dict[str, list[str]] = {}
    label = ""
    for line in out.splitlines():
        label = line[:18].strip().split("  ")[0] if not line.startswith(" ") else label
        found.setdefault(label, []).append(line)
    return found


def test_a_fit_with_warnings_at_80_columns(cli, monkeypatch):
    with_a_rare_class(cli)
    monkeypatch.setenv("COLUMNS", "80")
    out = cli.works(*FIT).out
    assert max(map(display_width, out.splitlines())) <= 80
    lines = labelled(out)
    assert lines["warning"][0] == "warning            1 class has one item and cannot be validated: 'rare'."
    assert lines["judged by"] == [
        "judged by          3-fold cross-validation of 25 items, with the choice made",
        "                   inside each fold",
    ]
    assert lines["accuracy"][0].startswith("accuracy           0.")
    assert lines["next"] == ["next               headstart predict run ITEM"]


def test_a_fit_with_warnings_at_50_columns(cli, monkeypatch):
    with_a_rare_class(cli)
    monkeypatch.setenv("COLUMNS", "50")
    out = cli.works(*FIT).out
    assert max(map(display_width, out.splitlines())) <= 50
    lines = labelled(out)
    assert lines["warning"][:2] == [
        "warning       1 class has one item and cannot be",
        "              validated: 'rare'.",
    ]
    assert lines["judged by"] == [
        "judged by     3-fold cross-validation of 25 items,",
        "              with the choice made inside each",
        "              fold",
    ]
    assert not [line for line in out.splitlines() if line.count("[") != line.count("]")]  # an interval is not cut


@pytest.mark.parametrize("width", [40, 66, 100, 200])
def test_no_line_is_wider_than_the_terminal(width, cli, monkeypatch):
    write_csv(
        cli.folder / "a.csv",
        [["text", "label"], *([f"猫が{i}匹いる。", "猫の話" if i % 2 else "犬"] for i in range(24))],
    )
    monkeypatch.setenv("COLUMNS", str(width))
    for words in (
        FIT,
        ("inspect", "a.csv", "--source", "headstart:text"),
        ("doctor",),
        ("sources", "list"),
        ("cache", "info"),
        ("fit", "no-such-folder"),
    ):
        told = cli(*words).told
        assert max(map(display_width, told.splitlines())) <= width, told


def test_without_a_terminal_a_line_is_a_line(cli):
    with_a_rare_class(cli)
    assert not [line for line in cli.works(*FIT).out.splitlines() if line.startswith("   ")]


def test_a_command_that_wraps_can_be_copied(cli, monkeypatch):
    write_csv(cli.folder / "a.csv", texts(24))
    monkeypatch.setenv("COLUMNS", "40")
    out = cli.works(*FIT[:-1], "a folder/of a rather long name/run").out
    command = out[out.index("next") + 4 :].replace("\\\n", " ")
    assert command.split() == ["headstart", "predict", "'a", "folder/of", "a", "rather", "long", "name/run'", "ITEM"]


@pytest.mark.parametrize(
    ("settings", "bold"), [({}, False), ({"FORCE_COLOR": "1"}, True), ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False)]
)
def test_the_answer_and_warnings_stand_out(settings, bold, cli, monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    with_a_rare_class(cli)
    out = cli.works(*FIT).out
    assert ("\x1b[1maccuracy\x1b[0m" in out) is bold
    assert ("\x1b[1;33mwarning\x1b[0m" in out) is bold
    assert ("\x1b" in out) is bold
    assert ("\x1b[1;31mheadstart: error:\x1b[0m" in cli("fit", "no-such-folder").err) is bold


def test_details_are_shown_where_they_are_wanted(cli, tiny_body):
    pictures(cli.folder / "photos")
    words = ("fit", "photos", "--source", tiny_body, "--baselines", "none", "--backend", "torch", "--out", "run")
    shown = cli.works(*words).out
    assert "\nencoding" not in shown
    assert "encoding  " in cli.works(*words, "--verbose").out
    assert json.loads((cli.folder / "run" / "manifest.json").read_text())["encoding"]["notes"]


@pytest.mark.parametrize(
    "encoding", ["ascii", "latin-1", "cp1252", "cp437", "utf-8", "ascii:strict", "ascii:surrogateescape"]
)
def test_any_encoding_of_a_console_shows_the_answer(encoding, cli, monkeypatch):
    rows = [[f"größe {i} 猫", "λ" if i % 2 else "é"] for i in range(12)]
    write_csv(cli.folder / "a.csv", [["text", "label"], *rows], encoding="utf-8")
    name, _, errors = encoding.partition(":")
    said = {}
    for words in (("inspect", *READ), ("inspect", *READ, "--json")):
        console = io.TextIOWrapper(io.BytesIO(), encoding=name, errors=errors or "strict")
        monkeypatch.setattr(sys, "stdout", console)
        assert main(list(words)) == 0
        console.flush()
        said[words[-1]] = console.buffer.getvalue().decode(name)
    if name == "ascii":
        assert "label              lambda: 6" in said[READ[-1]]
        assert "label              \\xe9: 6" in said[READ[-1]]
    assert json.loads(said["--json"])["labels"] == {"é": 6, "λ": 6}


def test_a_process_in_an_ascii_locale(cli, run):
    words, ascii_only = ("predict", run, "-"), {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    done = finish(start("", *words, folder=cli.folder, **ascii_only), "größe 猫\nmein Päckchen\n")
    assert done.code == 0, done.told
    assert len(done.out.splitlines()) == 2


@pytest.mark.skipif(sys.platform != "linux", reason="names of files that are not UTF-8 are Linux's")
def test_names_of_files_that_are_no_utf8(cli, tiny_body):
    pictures(cli.folder / "photos", names=("one", "two"))
    (cli.folder / "photos" / "one").rename(cli.folder / "photos" / os.fsdecode(b"caf\xe9"))
    (cli.folder / "photos" / "two" / "0.png").rename(cli.folder / "photos" / "two" / os.fsdecode(b"\xff.png"))
    cli.works("fit", "photos", "--source", tiny_body, "--baselines", "none", "--out", "run", says=["2 classes"])
    label = json.loads((cli.folder / "run" / "config.json").read_text(encoding="utf-8"))["id2label"]["0"]
    assert label.startswith("caf")
    assert label.isprintable()
    for out in ("p.csv", "p.jsonl", "p.parquet"):
        cli.works("predict", "run", "photos", "--out", out)
    assert len((cli.folder / "p.csv").read_text(encoding="utf-8").splitlines()) == 13
    told = json.loads(cli.works("predict", "run", "photos", "--json").out)
    assert {row["prediction"] for row in told["predictions"]} <= {label, "two"}


def steering_free(told: str) -> None:
    for sign in ("\x1b", "\u202e", "\x9b", "\x07", "\r", "\u2028"):
        assert sign not in told, ascii(told)


def test_nothing_steers_the_terminal_from_labels_items_and_columns(cli):
    rows = [
        [f"{RED} good {i}\r\u2028 {BIDI}", RED] if i % 2 else [f"{C1} bad {i} {BELL}", f"{BIDI}\nforged 1.000"]
        for i in range(16)
    ]
    write_csv(cli.folder / "a.csv", [[f"x{C1}", C1], *rows], encoding="utf-8")
    words = ("a.csv", "--label", C1, "--item", f"x{C1}")
    for call in (
        ("inspect", *words), ("inspect", *words, "--labels", "--source", "toy"), ("rank", *words, "--sources", "toy"),
        (*FIT, "--label", C1, "--item", f"x{C1}"), ("predict", "run", "a.csv"),
        ("predict", "run", f"{RED} good"),
        ("evaluate", "run", "a.csv"), ("fit", f"{RED}\nno-such"), ("fit", "a.csv", "--label", BELL), (f"{RED}verb",),
        ("predict", f"{C1}model", "x"), ("fit", "a.csv", f"--{RED}"), ("sources", "show", f"local:{RED}"),
    ):  # fmt: skip
        steering_free(cli(*call).told)
    for name in ("README.md", "report.html"):
        steering_free((cli.folder / "run" / name).read_text(encoding="utf-8"))


def test_json_for_a_terminal_has_no_raw_controls_and_says_the_same(cli):
    write_csv(
        cli.folder / "a.csv", [["x", "label"], *([i, C1 if i % 2 else BIDI] for i in range(12))], encoding="utf-8"
    )
    out = cli.works("inspect", "a.csv", "--json").out
    steering_free(out)
    assert C1 in json.loads(out)["labels"]


def test_a_very_long_item_fills_no_screen(cli, run):
    told = cli("predict", "run", "no " * 100_000).told
    assert len(told) < 10_000
    message = refusal(cli("fit", "x" * 100_000), 2, [])
    assert len(message) < 1300


def test_card_and_report_take_labels_as_text(cli):
    tricky = "`x` | <script>alert(1)</script> ![](http://a.b/c.png) [l](javascript:x) **b** {{ x }} <!-- "
    rows = vectors(24)
    write_csv(cli.folder / "a.csv", [rows[0], *([*row[:-1], tricky if row[-1] == "a" else "b"] for row in rows[1:])])
    cli.works("fit", "a.csv", "--baselines", "none", "--out", "run")
    page = (cli.folder / "run" / "report.html").read_text(encoding="utf-8")
    card = (cli.folder / "run" / "README.md").read_text(encoding="utf-8")
    assert page.count("<script") == 1  # the page's own
    assert "<img" not in page
    assert "<script" not in card
    assert "![](" not in card
    assert "](javascript" not in card
    assert "<!--" not in card
