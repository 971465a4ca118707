"""The documents say what the code does: commands parse, Python blocks run, the page of commands is the parser's."""

from __future__ import annotations

import argparse
import ast
import os
import re
import shlex
from pathlib import Path

import pytest
from markdown_blocks import SHELL, Block, blocks, headstart_commands, shell_lines
from shared_bodies import share_bodies

import headstart
from headstart.cli.main import main
from headstart.errors import UsageError

ROOT = Path(__file__).resolve().parents[1]
READMES = ["README.md", "README.zh.md"]
PAGES = [*READMES, "CONTRIBUTING.md", "ARCHITECTURE.md"]


def read_page(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def commands_in(page: str) -> list[list[str]]:
    shell = [block for block in blocks(read_page(page)) if block.language in SHELL]
    return [command for block in shell for command in headstart_commands(shell_lines(block))]


def parse(arguments: list[str]) -> None:
    """Parse with the real parser; fails with the parser's own sentence."""
    from headstart.cli import build_parser

    try:
        build_parser().parse_args(arguments)
    except SystemExit as done:
        if done.code:
            pytest.fail(f"headstart {shlex.join(arguments)} does not parse")


def all_parsers() -> list[argparse.ArgumentParser]:
    from headstart.cli import build_parser
    from headstart.cli.reference import commands

    return list(commands(build_parser()))


def has_children(action: argparse.Action) -> bool:
    return isinstance(action, argparse._SubParsersAction)


def verbs() -> list[argparse.ArgumentParser]:
    """The parsers of commands that do something: those without sub-commands."""
    return [parser for parser in all_parsers() if not any(has_children(a) for a in parser._actions)]


def code(block: Block) -> str:
    """What a Python block does, whatever the language of its comments."""
    return ast.dump(ast.parse(block.text))


def python_blocks(page: str) -> list[Block]:
    return [block for block in blocks(read_page(page)) if block.language == "python"]


def programs() -> list[object]:
    """The Python blocks of all READMEs, each program once."""
    found = {code(block): block for page in READMES for block in python_blocks(page)}
    return [
        pytest.param(block, id=f"block {i}", marks=[pytest.mark.realdata] if block.archive else [])
        for i, block in enumerate(found.values(), start=1)
    ]


def promised_lines(page: str, command: str) -> list[str]:
    """What a page says that a session beginning with ``command`` prints."""
    session = read_page(page).split(f"$ {command}", 1)[1].split("```", 1)[0]
    return [line for line in session.splitlines()[1:] if not line.startswith("$ ")]


def test_blocks_and_commands_are_read_from_markdown():
    page = """text
```console
$ headstart fit photos/ --json | tee a  # why
out
$ cat b | headstart predict run -
```
<!-- realdata: images/a.tar as photos -->
```python
import headstart
```
```
headstart demo \\
  --json
```
"""
    shell, python, plain = blocks(page)
    commands = headstart_commands(shell_lines(shell))
    assert commands == [["fit", "photos/", "--json"], ["predict", "run", "-"]]
    assert python == Block("python", "import headstart\n", "images/a.tar", "photos")
    assert headstart_commands(shell_lines(plain)) == [["demo", "--json"]]


@pytest.mark.parametrize("page", READMES)
def test_the_scripts_that_a_readme_names_exist(page):
    named = set(re.findall(r"\bscripts/\w+", read_page(page)))
    assert {"scripts/demo", "scripts/test"} <= named
    assert [name for name in named if not os.access(ROOT / name, os.X_OK)] == []


@pytest.mark.parametrize("page", PAGES)
def test_quoted_commands_parse(page):
    found = commands_in(page)
    assert found or page not in READMES
    for arguments in found:
        parse(arguments)


@pytest.mark.parametrize("page", PAGES)
def test_the_files_that_a_page_links_to_exist(page):
    linked = [link for link in re.findall(r"\]\(([^)\s]+)\)", read_page(page)) if "://" not in link]
    files = [link.partition("#")[0] for link in linked]
    assert linked or page not in READMES
    assert [file for file in files if file and not (ROOT / file).exists()] == []
    headings = {
        heading.lower().replace(" ", "-") for heading in re.findall(r"^#+ (.+)$", read_page(page), re.MULTILINE)
    }
    assert {link[1:] for link in linked if link.startswith("#")} <= headings


def test_the_readmes_link_to_each_other_and_show_the_same_commands_and_programs():
    english, chinese = READMES
    assert f"]({chinese})" in read_page(english)
    assert f"]({english})" in read_page(chinese)
    assert [command for command in commands_in(english) if command not in commands_in(chinese)] == []
    assert [code(block) for block in python_blocks(english)] == [code(block) for block in python_blocks(chinese)]


def test_a_wrong_command_does_not_parse():
    with pytest.raises((pytest.fail.Exception, UsageError)):
        parse(["fit", "photos/", "--no-such-option"])


@pytest.mark.parametrize("block", programs())
def test_a_python_block_of_the_readme_runs(block, request, tmp_path, monkeypatch):
    if block.archive:
        (tmp_path / block.name).symlink_to(request.getfixturevalue("unpacked")(block.archive))
    monkeypatch.chdir(tmp_path)
    exec(compile(block.text, "README.md", "exec"), {"__name__": "__main__"})


@pytest.mark.parametrize("page", READMES)
def test_a_readme_has_a_python_block(page):
    assert python_blocks(page)


def test_every_verb_has_an_example_that_parses():
    for parser in verbs():
        text = parser.epilog or ""
        assert "example" in text.lower(), f"{parser.prog} --help shows no example"
        examples = headstart_commands([line.strip().removeprefix("$ ") for line in text.splitlines()])
        assert examples, f"the example of {parser.prog} is no command line"
        for arguments in examples:
            parse(arguments)


def test_every_option_is_explained_and_every_verb_has_json():
    options = [(parser.prog, action) for parser in all_parsers() for action in parser._actions]
    unexplained = [f"{prog} {action.dest}" for prog, action in options if not action.help and not has_children(action)]
    assert unexplained == []
    assert [parser.prog for parser in verbs() if "--json" not in parser._option_string_actions] == []


def test_the_verbs_of_the_main_job_are_there():
    expected = {"inspect", "fit", "evaluate", "predict", "embed", "doctor", "demo", "sources list", "sources show"}
    assert {f"headstart {verb}" for verb in expected} <= {parser.prog for parser in verbs()}


def test_the_page_of_commands_is_the_parsers():
    from headstart.cli.reference import render

    assert read_page("docs/cli.md") == render(), "run: python -m headstart.cli.reference > docs/cli.md"


def test_the_changelog_has_the_current_version():
    headings = re.findall(r"^## \[([^\]]+)\]", read_page("CHANGELOG.md"), flags=re.MULTILINE)
    assert headstart.__version__ in headings


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """One cache for the sessions."""
    return share_bodies(tmp_path_factory.mktemp("sessions") / "cache")


@pytest.fixture
def session(cache, tmp_path, monkeypatch, capsys):
    """The lines that commands print, one after another in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HEADSTART_CACHE", str(cache))

    def printed(*commands: list[str]) -> list[str]:
        assert [main(command) for command in commands] == [0] * len(commands)
        return capsys.readouterr().out.splitlines()

    return printed


@pytest.mark.ci  # a whole fit, which converts two bodies
def test_the_session_of_the_readmes_is_what_the_code_prints(session):
    """Line by line, but for numbers, which differ a little from machine to machine."""
    table = ROOT / "src" / "headstart" / "assets" / "support_requests.csv"
    printed = session(
        ["fit", str(table), "--out", "runs/requests"],
        ["predict", "runs/requests", "the mug arrived in three pieces"],
    )
    printed = [masked(line) for line in printed if not line.startswith("encoding ")]
    for page in READMES:
        promised = promised_lines(page, "headstart fit src/headstart/assets/support_requests.csv")
        assert [masked(line) for line in promised if not line.startswith("encoding ")] == printed, page


@pytest.mark.ci
def test_the_chinese_session_is_what_the_code_prints(session, tmp_path):
    """The lines of the page in their order; ``...`` stands for lines left out, and what is unknown is exact."""
    page = "README.zh.md"
    (table,) = [block.text for block in blocks(read_page(page)) if block.language == "csv"]
    (tmp_path / "工单.csv").write_text(table, encoding="utf-8")
    printed = session(["fit", "工单.csv", "--out", "runs/工单"], ["predict", "runs/工单", "碗碎了"])
    promised = [line for line in promised_lines(page, "headstart fit 工单.csv --out") if line != "..."]
    assert any(line.startswith("warning ") for line in promised)
    exact = ("scripts ", "source chosen ", "warning ", "labels ")
    assert [line for line in promised if line.startswith(exact)] == [line for line in printed if line.startswith(exact)]
    rest = iter([masked(line) for line in printed])
    assert [line for line in promised if masked(line) not in rest] == []
    assert re.findall(r"TF-IDF of characters: .*; gain over it ([-+])", "\n".join(printed)) == ["+"]


def test_lines_are_compared_without_numbers_and_precision():
    line = "items encoded once by openvino in {}, {}/s"
    assert masked(line.format("bf16", "937")) == masked(line.format("fp32", "1,024.5"))
    assert masked("headstart:text in bf16") != masked("headstart:image in bf16")


def masked(line: str) -> str:
    """The words of a line: no numbers, no precision, and of predictions only the first."""
    line = re.sub(r"^1 +(\w+) .*", r"\1", line)
    line = re.sub(r" in (bf16|fp32)\b", "", line)
    return re.sub(r"[-+]?\d[\d.,]*", "#", line)


def missing_paths(markdown: str) -> list[str]:
    """Files and folders of the source, named in backticks, that do not exist; capitals stand for any name."""
    source = ROOT / "src" / "headstart"
    named = re.findall(r"`((?:[\w.]+/)+(?:[\w.]+\.py)?|\w+\.py)`", markdown)
    places = {str(path.relative_to(source)) + "/" * path.is_dir() for path in source.rglob("*")}
    return [
        name
        for name in named
        if not re.search(r"\b[A-Z]+\b", name)
        and not (ROOT / name).exists()
        and not any(place == name or place.endswith(f"/{name}") for place in places)
    ]


@pytest.mark.parametrize("page", ["ARCHITECTURE.md", "CONTRIBUTING.md"])
def test_paths_that_a_page_names_exist(page):
    written_by_a_run_or_to_come = {
        "body/",
        "logs/",
        "adapt/",
        "explain/",
        "export/",
        "serve/",
        "search/",
        "apps/",
        "bodies/",
        "features/",
        "archives/",
    }
    assert set(missing_paths((ROOT / page).read_text())) <= written_by_a_run_or_to_come


def test_the_check_of_paths_finds_a_planted_one():
    assert missing_paths("`heads/ridge.py`, `tune/`, `linear/nothing.py`, `A/B.py`") == ["linear/nothing.py"]
