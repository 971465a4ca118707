"""The fenced blocks of a page in Markdown, and the commands in them."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass

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
