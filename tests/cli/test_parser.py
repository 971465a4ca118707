"""Mistyped words and words of other tools: each is answered by its own command, with what was probably meant."""

from __future__ import annotations

import json

import pytest

from headstart.cli import build_parser
from headstart.cli.main import main
from headstart.cli.reference import commands

LEAVES = [parser for parser in commands(build_parser()) if not parser.actions]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("train photos", "Did you mean 'fit'?"),
        ("infer run a.png", "Did you mean 'predict'?"),
        ("eval run photos", "Did you mean 'evaluate'?"),
        ("fti photos", "Did you mean 'fit'?"),
        ("help", "Did you mean 'headstart --help'?"),
        ("report run", "error: there is no command 'report'. A fit writes its report as report.html"),
        ("--seed 3 fit photos", "options come after it: 'headstart fit photos --seed 3'"),
        ("--versio", "unknown option '--versio'. Did you mean '--version'?"),
        ("--hlep", "Did you mean '--help'?"),
        ("--verbose", "write 'headstart COMMAND ... --verbose'"),
        ("--json", "write 'headstart COMMAND ... --json'"),
    ],
)
def test_a_mistyped_command_is_answered_with_the_one_that_was_meant(cli, words, says):
    done = cli(*words.split())
    assert done.code == 2
    assert done.err.splitlines()[0] == "usage: headstart COMMAND [options]"
    assert says in done.err
    assert "Traceback" not in done.err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("fit a --model x", "Did you mean '--source NAME'?"),
        ("fit a --modle x", "Did you mean '--source NAME'?"),
        ("fit a --device gpu", "Did you mean '--backend'?"),
        ("fit a --backend gpu", "Did you mean 'cuda'?"),
        ("fit a --task regresion", "Did you mean 'regression'?"),
        ("fit a --labels mood", "Did you mean '--label COLUMN'?"),
        ("fit a --target mood", "Did you mean '--label COLUMN'?"),
        ("fit a --output x", "Did you mean '--out DIR'?"),
        ("fit a --outpt=x", "Did you mean '--out DIR'?"),
        ("fit a --group_col x", "Did you mean '--group-col COLUMN'?"),
        ("fit a --num-epochs 3", "Did you mean '--epochs N'?"),
        ("fit a --test-size .2", "read from a column 'split'"),
        ("fit a --versio", "'headstart --version' shows the release"),
        ("fit a --momentum 1", "go into --set NAME=VALUE"),
        ("predict m x --coverage high", "argument --coverage: it must be a number. Got 'high' instead."),
        ("predict m x --max-error 5%", "it must be a number. Got '5%' instead."),
        ("export m --format onnx -o d --tolerance tiny", "it must be a number. Got 'tiny' instead."),
        ("explain m x --row first", "it must be a whole number. Got 'first' instead."),
        ("fit --data a", "DATA is given without an option name"),
        ("fit a label=mood", "Did you mean '--label mood'?"),
        ("fit label=mood a", "Did you mean '--label mood'?"),
        ("fit a b", "unexpected argument 'b'"),
        ("embed a --output x.npy", "Did you mean '--out FILE'?"),
        ("distill a --model hf:b --out small", "Did you mean '--teacher NAME'?"),
        ("predict --model run a", "MODEL is given without an option name"),
        ("predict run a -out x.csv", "Did you mean '--out FILE'?"),
        ("predict run out=x.csv", "Did you mean '--out x.csv'?"),
        ("evaluate run a --nonsense", "'headstart evaluate --help' lists"),
        ("inspect a --labels mood", "Did you mean '--label mood'?"),
        ("cache prune --limt 5GB", "Did you mean '--limit SIZE'?"),
        ("sources shwo vector", "Did you mean 'show'?"),
    ],
)
def test_an_unknown_word_is_answered_by_its_own_command(cli, words, says):
    done = cli(*words.split())
    assert done.code == 2
    verb = "cache prune" if words.startswith("cache") else words.split()[0]
    assert done.err.startswith(f"usage: headstart {verb} ")
    assert says in done.err
    assert len(done.err.splitlines()) == 2


def test_a_name_with_a_space_is_to_be_quoted(cli):
    (cli.folder / "my photos").mkdir()
    done = cli("fit", "my", "photos")
    assert done.code == 2
    assert "Did you mean 'my photos', in quotation marks?" in done.err


def test_data_in_the_place_of_a_command_are_to_be_fitted(cli):
    (cli.folder / "photos").mkdir()
    assert "Did you mean 'headstart fit photos'?" in cli("photos").err


def test_a_file_with_an_equals_sign_and_a_text_with_one_are_no_options(cli):
    (cli.folder / "label=a.csv").write_text("text\nx\n")
    args = build_parser().parse_args(["predict", "run", "label=a.csv", "where label = late", "x=3"])
    assert args.items == ["label=a.csv", "where label = late", "x=3"]


def test_a_usage_error_is_one_json_object_under_json(cli):
    done = cli("fit", "a", "--model", "x", "--json")
    found = json.loads(done.out)["error"]
    assert found["exit_code"] == 2
    assert "--source" in found["message"]


def test_signs_that_steer_a_terminal_are_escaped(cli):
    assert "\x1b" not in cli("fit", "a", "--\x1b[31mmodel").err


@pytest.mark.parametrize("words", [[], ["sources"], ["cache"]])
def test_a_command_alone_prints_the_help(cli, words):
    done = cli(*words)
    assert done.code == 0
    assert done.out.startswith("usage: headstart ")
    assert "positional arguments:" in done.out


def test_the_program_alone_returns_instead_of_leaving(capsys):
    assert main([]) == 0
    assert "headstart demo" in capsys.readouterr().out


@pytest.mark.parametrize("parser", LEAVES, ids=lambda parser: parser.prog)
def test_the_help_begins_with_what_a_beginner_needs(parser):
    titles = [group.title for group in parser._action_groups if group._group_actions]
    assert titles[-1] == "general"
    assert "options" not in titles
    if len(titles) > 3:
        assert titles[:2] == ["positional arguments", "most used"]


@pytest.mark.parametrize("parser", LEAVES, ids=lambda parser: parser.prog)
def test_out_is_o_for_short_in_every_command(parser):
    for action in parser._actions:
        if "--out" in action.option_strings:
            assert action.option_strings == ["-o", "--out"]
