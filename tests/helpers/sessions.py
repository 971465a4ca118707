"""Pages whose blocks are run: console sessions with their output, Python blocks, files.

``python tests/helpers/sessions.py PAGE.md ... --data=FOLDER`` runs the pages, one after another in one folder, and
writes what was printed into them.

- a ``console`` block is a session: each line after ``$`` is run, and the lines below it are what it printed;
- ``<!-- show: REGEX -->`` above a session keeps only the lines that the expression finds; ``...`` stands for others;
- a ``python`` block is run, in one namespace for the page; ``<!-- prints -->`` above a text block holds its output;
- ``<!-- file: NAME -->`` above a block writes it as a file;
- ``sh`` blocks are only parsed. Port 8000 stands for a free one. ``<!-- sessions: slow, after PAGE.md -->`` marks a
  slow page, which is run in the folder that another one leaves.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import shlex
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FENCE = re.compile(r"(?:^<!-- (\w+):? ?([^\n]*?) -->\n)?^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PORT = "8000"


@dataclass(frozen=True)
class Entry:
    """A command of a session, and the lines that the page promises."""

    command: str
    promised: list[str]


def entries(session: str) -> list[Entry]:
    found: list[Entry] = []
    open_command = False
    for line in session.splitlines():
        if line.startswith("$ "):
            found.append(Entry(line[2:], []))
        elif open_command:
            found[-1] = Entry(f"{found[-1].command}\n{line}", [])
        else:
            found[-1].promised.append(line)
        open_command = line.endswith("\\") and (line.startswith("$ ") or open_command)
    return found


def is_slow(page: str) -> bool:
    return bool(re.search(r"<!-- sessions: slow\b", page))


def goes_on_from(page: str) -> str | None:
    """The page whose folder this one is run in, below docs/."""
    found = re.search(r"<!-- sessions: .*\bafter (\S+) -->", page)
    return found[1] if found else None


def masked(line: str) -> str:
    """The words of a line: no numbers, digests, units of time and size, number formats or rates."""
    line = re.sub(r"\b(bf16|fp32)\b", "#", line)
    line = re.sub(r"\b[0-9a-f]{12}\b", "#", line)  # digests
    line = re.sub(r"; [^;]*(encoded once|from the store).*", "; rows", line)  # another page may have encoded them
    line = re.sub(r"^(predicted|confidence)( +[^:;]*[:;]).*", r"\1\2 #", line)  # counts by label, places of items
    line = re.sub(r"\d[\d.,]* (ms|s|min|h)\b( \d+ s\b)?", "# s", line)
    line = re.sub(r"\d[\d.,]* ?([kMG]?B)\b", "# B", line)
    return re.sub(r" +", " ", re.sub(r"[-+]?(?<![a-z])\.?\d[\d.,e-]*", "#", line)).strip()


def holds(promised: list[str], printed: list[str]) -> bool:
    """Whether a page's lines are those printed, numbers aside; ``...`` stands for any lines."""
    if "..." not in promised:
        return [masked(line) for line in promised] == [masked(line) for line in printed]
    left = iter([masked(line) for line in printed])
    return all(masked(line) in left for line in promised if line != "...")


def shown(lines: list[str], keep: str) -> list[str]:
    """The lines that the expression finds, with ``...`` for the others."""
    if not keep:
        return lines
    kept: list[str] = []
    for line in lines:
        if re.search(keep, line):
            kept.append(line)
        elif kept[-1:] != ["..."]:
            kept.append("...")
    return kept


@dataclass
class Player:
    """Runs the blocks of pages in one folder, and the servers that they start."""

    folder: Path
    port: int = 0
    servers: list[subprocess.Popen[str]] = field(default_factory=list)
    names: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]

    def close(self) -> None:
        for server in self.servers:
            server.terminate()
            server.wait(60)
            if server.stdout:
                server.stdout.close()
        self.servers.clear()

    def play(self, page: str) -> Iterator[tuple[re.Match[str], list[list[str]]]]:
        """Run a page; yields each block that promises output, with the printed lines of each of its entries."""
        said = ""
        self.names = {"__name__": "__main__"}
        for match in FENCE.finditer(page):
            kind, value, language, text = match.groups()
            if kind == "file":
                (self.folder / value).write_text(text, encoding="utf-8")
            elif kind == "prints":
                yield match, [said.splitlines()]
            elif language == "python":
                said = self.python(text)
            elif language == "console":
                yield match, [self.command(entry.command) for entry in entries(text)]
        self.close()

    def python(self, text: str) -> str:
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            exec(compile(text.replace(PORT, str(self.port)), "page", "exec"), self.names)
        return out.getvalue()

    def command(self, command: str) -> list[str]:
        line = command.replace(PORT, str(self.port))
        if line.endswith(" &"):
            return self.start(line.removesuffix(" &"))
        plain = line.startswith("headstart ") and not re.search(r"[|<>;*\n]", line)
        out = self.in_process(shlex.split(line)[1:]) if plain else self.in_shell(line)
        out = out.replace(str(self.port), PORT).replace(f"{self.folder}{os.sep}", "")
        return [line for line in out.splitlines() if not line.startswith("... ")]  # that is progress

    def in_process(self, arguments: list[str]) -> str:
        from headstart.cli.main import main

        out = io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
            code = main(arguments)
        if code:
            raise AssertionError(f"headstart {shlex.join(arguments)} ends with exit code {code}")
        return out.getvalue()

    def environment(self) -> dict[str, str]:
        return {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}", "NO_COLOR": "1"}

    def in_shell(self, line: str) -> str:
        done = subprocess.run(
            ["bash", "-ec", line], cwd=self.folder, env=self.environment(), capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise AssertionError(f"{line} ends with exit code {done.returncode}: {done.stderr}")
        return done.stdout

    def start(self, line: str) -> list[str]:
        """Start a server; what it prints on stderr until it is ready."""
        server = subprocess.Popen(
            ["bash", "-c", f"exec {line} 2>&1"],
            cwd=self.folder,
            env=self.environment(),
            stdout=subprocess.PIPE,
            text=True,
        )
        self.servers.append(server)
        assert server.stdout is not None
        for printed in server.stdout:
            if printed.startswith("serving"):
                return [printed.rstrip("\n").replace(str(self.port), PORT)]
        raise AssertionError(f"{line} ended with exit code {server.wait()}")


def promises(match: re.Match[str]) -> list[list[str]]:
    """What a block of a page says is printed, for each of its entries."""
    if match[1] == "prints":
        return [match[4].splitlines()]
    return [entry.promised for entry in entries(match[4])]


def filled(page: str, folder: Path) -> str:
    """The page with what its blocks print."""
    player = Player(folder)
    written, done = "", 0
    try:
        for match, printed in player.play(page):
            keep = match[2] if match[1] == "show" else ""
            parts = [shown(lines, keep) for lines in printed]
            if match[1] != "prints":
                commands = [f"$ {entry.command}" for entry in entries(match[4])]
                parts = [[command, *lines] for command, lines in zip(commands, parts, strict=True)]
            text = "".join(f"{line}\n" for lines in parts for line in lines)
            written += page[done : match.start(4)] + text
            done = match.end(4)
    finally:
        player.close()
    return written + page[done:]


if __name__ == "__main__":
    places = [Path(name).resolve() for name in sys.argv[1:] if not name.startswith("--data=")]
    work = Path(next(name.removeprefix("--data=") for name in sys.argv if name.startswith("--data=")))
    work.mkdir(parents=True, exist_ok=True)
    os.chdir(work)
    for place in places:
        place.write_text(filled(place.read_text(encoding="utf-8"), Path.cwd()), encoding="utf-8")
        sys.stderr.write(f"filled {place.name}\n")
