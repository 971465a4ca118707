"""Shared by the benchmarks: the data folder, cold and warm processes, and the tables in RESULTS.md.

Nothing heavy is imported here, since a process inherits the peak memory of the one that starts it.
"""

from __future__ import annotations

import json
import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
DATA = Path(os.environ.get("HEADSTART_DATA", ROOT.parent / "shared" / "data"))
RESULTS = HERE / "RESULTS.md"
MIB = 1024 if sys.platform == "linux" else 1024**2  # units of ru_maxrss in a MiB
MARK = "@@ "  # begins the lines in which a worker answers


@dataclass(frozen=True)
class Cold:
    """One cold process: wall-clock seconds, peak memory in MiB, its output, and CPU seconds."""

    seconds: float
    peak_mib: float
    out: str
    cpu_seconds: float = 0.0

    def json(self) -> dict[str, Any]:
        """The last line of standard output as an object."""
        found: dict[str, Any] = json.loads(self.out.strip().splitlines()[-1])
        return found


def cold(command: Sequence[str], **environment: str) -> Cold:
    """Run a command in a fresh process and measure it; raises if it fails."""
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as error:
        started = time.perf_counter()
        process = subprocess.Popen(command, stdout=out, stderr=error, env=surroundings(environment))
        _, status, usage = os.wait4(process.pid, 0)  # the usage of this child alone
        seconds = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        error.seek(0)
        if process.returncode:
            raise RuntimeError(f"{' '.join(command)} failed with code {process.returncode}:\n{error.read()}")
        return Cold(seconds, usage.ru_maxrss / MIB, out.read(), usage.ru_utime + usage.ru_stime)


def surroundings(more: Mapping[str, str]) -> dict[str, str]:
    """The environment of a process: offline, with ``more``."""
    return {**os.environ, "HF_HUB_OFFLINE": "1", **more}


def headstart(*words: str, **environment: str) -> Cold:
    """Run one command of headstart in a fresh process."""
    return cold([sys.executable, "-m", "headstart", *words], **environment)


def median(commands: Sequence[str], repeats: int) -> float:
    """Median seconds of a cold command."""
    return statistics.median(cold(commands).seconds for _ in range(repeats))


class Worker:
    """A warm process that runs one variant each time it is asked to (see `_worker.py`).

    Args:
        way: ``"module:function"`` of this folder; the function takes the settings and returns the function to run.
        settings: plain values.
        environment: further environment variables of the process.
    """

    def __init__(self, way: str, settings: Mapping[str, Any], **environment: str) -> None:
        self.way = way
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 (closed with the worker)
        self._process = subprocess.Popen(
            [sys.executable, str(HERE / "_worker.py"), way], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=self._errors, text=True, env=surroundings(environment),
        )  # fmt: skip
        self._ask(json.dumps(settings))

    def run(self) -> dict[str, Any]:
        """Run once and return ``seconds``, ``count``, ``peak_mib`` and what else the variant reports."""
        return self._ask("go")

    def close(self) -> None:
        """End the process."""
        self._process.communicate()
        self._errors.close()

    def _ask(self, line: str) -> dict[str, Any]:
        stdin, stdout = self._process.stdin, self._process.stdout
        if stdin is None or stdout is None:
            raise RuntimeError(f"{self.way} has no pipes.")
        try:
            stdin.write(line + "\n")
            stdin.flush()
        except BrokenPipeError:  # the process ended; its standard error states why
            pass
        for answer in stdout:
            if answer.startswith(MARK):
                found: dict[str, Any] = json.loads(answer.removeprefix(MARK))
                return found
        self._process.wait()
        self._errors.seek(0)
        raise RuntimeError(f"{self.way} failed:\n{self._errors.read()[-4000:]}")


@dataclass(frozen=True)
class Measured:
    """The measurements of a variant in all its repeats.

    Attributes:
        runs: its report after each run.
    """

    runs: Sequence[Mapping[str, Any]]

    @property
    def rates(self) -> list[float]:
        """Items per second of each repeat."""
        return [run["count"] / run["seconds"] for run in self.runs]

    @property
    def last(self) -> Mapping[str, Any]:
        """Its report after the last run."""
        return self.runs[-1]

    @property
    def rate(self) -> float:
        """Median items per second."""
        return statistics.median(self.rates)

    @property
    def spread(self) -> str:
        """Range from the slowest to the fastest run."""
        return f"{min(self.rates):,.0f} to {max(self.rates):,.0f}"

    @property
    def memory(self) -> str:
        """Peak memory in MiB of the process, and of each process that it started itself."""
        more = self.last.get("child_mib", 0)
        return f"{self.last['peak_mib']:,.0f}" + (f" + {self.last['children']} x {more:,.0f}" if more else "")


def alternate(workers: Mapping[str, Worker], repeats: int) -> dict[str, Measured]:
    """Run every worker once, then every worker again, and so on."""
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in workers}
    for _ in range(repeats):
        for name, worker in workers.items():
            found[name].append(worker.run())
            say(f"{name}: {found[name][-1]['count'] / found[name][-1]['seconds']:,.1f}/s")
    return {name: Measured(runs) for name, runs in found.items()}


def say(text: str) -> None:
    """Print the progress to standard error."""
    print(f"  {time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A Markdown table."""
    return [_row(header), "|" + "---|" * len(header), *(_row(row) for row in rows)]


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def goal(shown: str, wanted: str, *, reached: bool) -> str:
    """A figure beside the goal of the project.

    Args:
        shown: the figure.
        wanted: the goal, in words.
        reached: whether it was met.
    """
    return f"**{shown}** (goal: {wanted}; {'reached' if reached else 'MISSED'})"


def machine() -> str:
    """A description of the machine's hardware."""
    flags = set(re.findall(r"\w+", Path("/proc/cpuinfo").read_text())) if Path("/proc/cpuinfo").exists() else set()
    able = [name for name in ("amx_bf16", "avx512_bf16", "avx512f", "avx2") if name in flags]
    return f"{os.cpu_count()} {platform.machine()} cores ({', '.join(able[:2]) or 'no vector units known'})"


def write_section(title: str, lines: Sequence[str]) -> None:
    """Replace the section of this title in RESULTS.md, and print it."""
    body = section(title, lines)
    old = RESULTS.read_text(encoding="utf-8") if RESULTS.exists() else "# Results\n\n"
    sections = [part for part in re.split(r"(?m)^(?=## )", old) if not part.startswith(f"## {title}\n")]
    RESULTS.write_text("".join(sections).rstrip("\n") + "\n\n" + body, encoding="utf-8")
    print(body)


def section(title: str, lines: Sequence[str]) -> str:
    """The text of a section."""
    return "\n".join([f"## {title}", "", f"Measured on {machine()}, {time.strftime('%Y-%m-%d')}.", "", *lines, ""])
