"""``headstart serve``: options, the token, and what is refused before anything is loaded."""

from __future__ import annotations

import pytest

from headstart.cli.main import build_parser
from headstart.cli.serve import TOKEN, options_of


@pytest.fixture(autouse=True)
def no_token(monkeypatch):
    monkeypatch.delenv(TOKEN, raising=False)


def options(*words: str):
    return options_of(build_parser().parse_args(["serve", "run", *words]))


def test_the_options_of_the_command_are_those_of_the_server():
    found = options("--port", "0", "--workers", "3", "--max-batch", "8", "--deadline", "2.5", "--store", "a.db")
    assert (found.port, found.workers, found.limits.batch, found.limits.deadline) == (0, 3, 8, 2.5)
    assert (found.host, found.store, found.token, found.engine.cache) == ("127.0.0.1", "a.db", "", False)


def test_the_token_comes_from_the_environment_and_is_never_shown(monkeypatch):
    monkeypatch.setenv(TOKEN, "0123456789abcdef")
    found = options("--host", "0.0.0.0")
    assert (found.token, found.is_local) == ("0123456789abcdef", False)
    assert "0123456789abcdef" not in repr(found)


def test_other_machines_need_a_token(cli, monkeypatch):
    cli.refuses("serve", "run", "--host", "0.0.0.0", code=2, says=["HEADSTART_TOKEN", "--no-token"])
    assert options("--host", "0.0.0.0", "--no-token").open
    monkeypatch.setenv(TOKEN, "short")
    cli.refuses("serve", "run", code=2, says=["16"])


@pytest.mark.parametrize("words", [("--port", "70000"), ("--port", "x"), ("--workers", "0"), ("--deadline", "0")])
def test_wrong_values_are_refused(cli, words):
    assert cli("serve", "run", *words).code == 2


def test_a_folder_that_is_no_model_is_refused(cli):
    cli.refuses("serve", "nowhere", "--port", "0", code=2, says=["nowhere", "not a model folder"])


def test_a_missing_extra_is_one_sentence(cli, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "uvicorn", None)
    cli.refuses("serve", "run", code=2, says=["pip install 'headstart[serve]'"])
