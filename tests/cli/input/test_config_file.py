"""Options from a file or a run folder: what is printed is what is read, and the command line goes before it."""

from __future__ import annotations

import argparse
import json

import pytest

from headstart.cli.input.config_file import NOT_KEPT, _actions, as_yaml, parse_configured
from headstart.cli.main import main
from headstart.cli.parser import build_parser
from headstart.errors import UsageError

VERBS = ("fit", "rank", "distill", "pretrain", "evaluate")
SAMPLES = ("3", "0.25", "mixup=0.2", "a text: with 'quotes' # and more")


def parsed(*words, verb="fit"):
    parser = build_parser()
    return parse_configured(parser, parser.actions[verb], [verb, *words])


def config(tmp_path, text):
    file = tmp_path / "options.yaml"
    file.write_text(text, encoding="utf-8")
    return f"--config={file}"


def sample(parser, action):
    """A value of an option that is not its default."""
    if action.choices:
        return next(str(choice) for choice in action.choices if choice != action.default)
    for text in reversed(SAMPLES):
        try:
            if parser._get_value(action, text) != action.default:
                return text
        except argparse.ArgumentError:
            continue
    raise AssertionError(action)


def options(args):
    return {key: value for key, value in vars(args).items() if key not in (*NOT_KEPT, "words")}


@pytest.mark.parametrize("verb", VERBS)
def test_what_is_printed_is_read_for_every_option(verb, tmp_path):
    parser = build_parser()
    sub = parser.actions[verb]
    places = [key for key, action in _actions(sub).items() if not action.option_strings]
    required = [f"--{key}=x" for key, action in _actions(sub).items() if action.option_strings and action.required]
    for key, action in _actions(sub).items():
        if key in places:
            continue
        given = f"--{key}" if action.nargs == 0 else f"--{key}={sample(sub, action)}"
        wanted = parser.parse_args([verb, *places, *required, given])
        found = parse_configured(parser, sub, [verb, config(tmp_path, as_yaml(sub, wanted))])
        assert options(found) == options(wanted), key
        assert options(parser.parse_args(found.words)) == options(wanted), key


def test_the_command_line_goes_before_the_file(tmp_path):
    file = config(tmp_path, "data: a.csv\nlabel: [x, y]\nlearning_rate: 1e-4\nseed: 3\n")
    args = parsed(file, "b.csv", "--label", "z", "--seed=4")
    assert (args.data, args.label, args.learning_rate, args.seed) == ("b.csv", ["z"], 1e-4, 4)
    assert set(args.words) == {"fit", "b.csv", "--label=z", "--seed=4", "--learning-rate=0.0001"}
    student = config(tmp_path, "data: a\nteacher: [t]\nout: o\nstudent: s\n")
    assert parsed(student, "--architecture", "resnet10t", verb="distill").student is None


@pytest.mark.parametrize(("text", "sentence"), [
    ("epoch: 3", "unknown option 'epoch'. Did you mean 'epochs'"),
    ("epochs: many", "'epochs' in .* it must be a whole number"),
    ("json: 3", "'json' in .* must be true or false"),
    ("seed: [1, 2]", "'seed' in .* must be one value"),
    ("label: yes", "'label' in .* must be a text or a number"),
    ("strategy: {a: 1}", "'strategy' in .* must be a text or a number"),
    ("layers: some", "'layers' in .* invalid choice: 'some'"),
    ("- a", "must hold options"),
    ("help: true", "unknown option 'help'"),
])  # fmt: skip
def test_a_wrong_file_is_one_sentence(text, sentence, tmp_path):
    with pytest.raises(UsageError, match=sentence):
        parsed(config(tmp_path, text))


def test_hostile_yaml_is_refused(tmp_path, capsys):
    bomb = "a: &a [x]\nb: [*a, *a]"
    tags = ("!!python/object/apply:os.system ['true']", "!!int ''", "!!binary aGk=")
    others = (bomb, "[" * 5000, f"seed: 0x{'f' * 9000}", 'data: "\\UFFFFFFFF"', f"{'k' * 9000}: 3", 'data: "a\\0b"')
    for text in (*(f"data: {tag}" for tag in tags), *others):
        assert main(["fit", config(tmp_path, text)]) == 2, text
        shown = capsys.readouterr().err
        assert "Traceback" not in shown
        assert "bug" not in shown
        assert len(shown) < 1000
    assert main(["fit", f"--config={tmp_path / 'none.yaml'}"]) == 2
    assert "is not there" in capsys.readouterr().err


def test_a_run_is_repeated_with_all_its_options(tmp_path):
    record = {"command": "headstart fit 'my data.csv' --label=x --strategy=lp_ft --epochs=3 --out=here --overwrite"}
    (tmp_path / "manifest.json").write_text(json.dumps(record))
    for place in (tmp_path, tmp_path / "manifest.json"):
        args = parsed(f"--config={place}", "--epochs", "5")
        assert (args.data, args.label, args.strategy, args.epochs) == ("my data.csv", ["x"], "lp_ft", 5)
        assert (args.out, args.overwrite) == (None, False)
    with pytest.raises(UsageError, match="was made by 'headstart fit'"):
        parsed(f"--config={tmp_path}", verb="rank")
    for command in (None, "headstart fit 'a\0b'", "", ["headstart", "fit"]):
        (tmp_path / "manifest.json").write_text(json.dumps({"command": command}))
        with pytest.raises(UsageError, match="names no command of headstart"):
            parsed(f"--config={tmp_path}")


def test_a_damaged_command_of_a_run_is_one_sentence(tmp_path, capsys):
    """Kind: a quotation without its end was reported as a bug."""
    (tmp_path / "manifest.json").write_text(json.dumps({"command": "headstart fit 'x"}))
    assert main(["fit", f"--config={tmp_path}"]) == 2
    shown = capsys.readouterr().err
    assert "cannot be read (no closing quotation); give a YAML file instead" in shown


def test_options_that_exclude_each_other_cannot_stand_in_one_file(tmp_path):
    file = config(tmp_path, "data: a\nteacher: [t]\nout: o\nstudent: s\narchitecture: resnet10t\n")
    with pytest.raises(UsageError, match="holds 'student' and 'architecture', and only one of them is allowed"):
        parsed(file, verb="distill")
    args = parsed(file, "--student", "own", verb="distill")  # the command line decides
    assert (args.student, args.architecture) == ("own", None)
    free = config(tmp_path, "data: a\nteacher: [t]\nout: o\nstudent: s\narchitecture: null\n")
    assert parsed(free, verb="distill").student == "s"


def test_the_command_prints_what_it_would_use(capsys):
    assert main(["rank", "--print-config", "--profile"]) == 0
    shown = capsys.readouterr().out
    assert "profile: true\n" in shown
    assert "data: null\n" in shown


def test_a_fit_from_a_file_records_the_complete_command(tmp_path):
    (tmp_path / "data.csv").write_text("x,y,label\n" + "".join(f"{k},{-k},{'ab'[k % 2]}\n" for k in range(24)))
    file = config(tmp_path, f"data: {tmp_path / 'data.csv'}\nbaselines: none\nreport-items: 0\nlabel: label\n")
    assert main(["fit", file, "--out", str(tmp_path / "run"), "--json"]) == 0
    command = json.loads((tmp_path / "run" / "manifest.json").read_text())["command"]
    assert "--config" not in command
    assert "--baselines=none" in command
    assert main(["fit", "--config", str(tmp_path / "run"), "--out", str(tmp_path / "again"), "--json"]) == 0
    files = [(tmp_path / name / "splits.parquet").read_bytes() for name in ("run", "again")]
    assert files[0] == files[1]
