"""The documents say what the code does: commands parse, Python blocks run, the page of commands is the parser's."""

from __future__ import annotations

import argparse
import os
import re
import shlex
from dataclasses import dataclass
from pathlib import Path

import pytest

import headstart
from headstart.cli.main import main
from headstart.errors import UsageError

ROOT = Path(__file__).resolve().parents[1]
PAGES = ["README.md", "CONTRIBUTING.md", "ARCHITECTURE.md"]
SHELL = {"", "sh", "bash", "shell", "console", "text"}


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, its text, and the archive that a comment above it asks for.

    ``<!-- realdata: images/hymenoptera.tar as photos -->`` runs the block where ``photos`` is the unpacked archive.
    """

    language: str
    text: str
    archive: str | None = None
    name: str | None = None


def blocks(markdown: str) -> list[Block]:
    pattern = r"(?:<!-- realdata: (\S+) as (\S+) -->\n+)?^```(\w*)\n(.*?)^```$"
    found = re.findall(pattern, markdown, flags=re.MULTILINE | re.DOTALL)
    return [Block(language, text, archive or None, name or None) for archive, name, language, text in found]


def shell_lines(block: Block) -> list[str]:
    """The commands of a shell block: the lines after a prompt where there is one, else all."""
    lines = block.text.replace("\\\n", " ").splitlines()
    prompted = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
    return prompted or lines


def headstart_commands(lines: list[str]) -> list[list[str]]:
    """The arguments of each call of headstart, also those in pipes."""
    found = []
    for line in lines:
        if not re.search(r"(^|[|&;] *)headstart ", line.strip()):
            continue
        lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        call: list[str] = []
        for token in [*lexer, ";"]:
            if token and set(token) <= set("|&;<>()"):
                found += [call[1:]] if call[:1] == ["headstart"] else []
                call = []
            else:
                call.append(token)
    return found


def commands_in(page: str) -> list[list[str]]:
    shell = [block for block in blocks((ROOT / page).read_text()) if block.language in SHELL]
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


def python_blocks() -> list[object]:
    found = [block for block in blocks((ROOT / "README.md").read_text()) if block.language == "python"]
    return [
        pytest.param(block, id=f"block {i}", marks=[pytest.mark.realdata] if block.archive else [])
        for i, block in enumerate(found, start=1)
    ]


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


def test_the_scripts_that_the_readme_names_exist():
    named = set(re.findall(r"\bscripts/\w+", (ROOT / "README.md").read_text()))
    assert {"scripts/demo", "scripts/test"} <= named
    assert [name for name in named if not os.access(ROOT / name, os.X_OK)] == []


@pytest.mark.parametrize("page", PAGES)
def test_quoted_commands_parse(page):
    found = commands_in(page)
    assert found or page != "README.md"
    for arguments in found:
        parse(arguments)


def test_a_wrong_command_does_not_parse():
    with pytest.raises((pytest.fail.Exception, UsageError)):
        parse(["fit", "photos/", "--no-such-option"])


@pytest.mark.parametrize("block", python_blocks())
def test_a_python_block_of_the_readme_runs(block, request, tmp_path, monkeypatch):
    if block.archive:
        (tmp_path / block.name).symlink_to(request.getfixturevalue("unpacked")(block.archive))
    monkeypatch.chdir(tmp_path)
    exec(compile(block.text, "README.md", "exec"), {"__name__": "__main__"})


def test_the_readme_has_a_python_block():
    assert python_blocks()


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

    assert (ROOT / "docs" / "cli.md").read_text() == render(), "run: python -m headstart.cli.reference > docs/cli.md"


def test_the_changelog_has_the_current_version():
    headings = re.findall(r"^## \[([^\]]+)\]", (ROOT / "CHANGELOG.md").read_text(), flags=re.MULTILINE)
    assert headstart.__version__ in headings


def test_the_session_of_the_readme_is_what_the_code_prints(tmp_path, monkeypatch, capsys):
    """Line by line, but for numbers, which differ a little from machine to machine."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    session = text.split("$ headstart fit src/", 1)[1].split("```", 1)[0]
    promised = [line for line in session.splitlines()[1:] if not line.startswith("$ ")]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HEADSTART_CACHE", str(tmp_path / "cache"))
    table = ROOT / "src" / "headstart" / "assets" / "support_requests.csv"
    assert main(["fit", str(table), "--out", "runs/requests"]) == 0
    assert main(["predict", "runs/requests", "the mug arrived in three pieces"]) == 0
    printed = capsys.readouterr().out.splitlines()
    printed, promised = ([line for line in lines if not line.startswith("encoding ")] for lines in (printed, promised))
    assert [masked(line) for line in printed] == [masked(line) for line in promised]


def masked(line: str) -> str:
    """The words of a line: no numbers, no precision, and of predictions only the first."""
    line = re.sub(r"^1 +(\w+) .*", r"\1", line)
    return re.sub(r"[-+]?\d[\d.,]*", "#", line).replace(" in bf16", "").replace(" in fp32", "")
