"""What the benchmarks share: where the data are, cold processes with time and peak memory, and the table they write."""

from __future__ import annotations

import json
import os
import platform
import re
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
DATA = Path(os.environ.get("HEADSTART_DATA", ROOT.parent / "shared" / "data"))
RESULTS = Path(__file__).parent / "RESULTS.md"


@dataclass(frozen=True)
class Cold:
    """One cold process: seconds on the wall, peak memory in MiB, what it printed."""

    seconds: float
    peak_mib: float
    out: str

    def json(self) -> dict[str, Any]:
        """The last line of standard output as an object."""
        found: dict[str, Any] = json.loads(self.out.strip().splitlines()[-1])
        return found


def cold(command: Sequence[str], **environment: str) -> Cold:
    """Run a command in a fresh process and measure it; raises if it fails."""
    started = time.perf_counter()
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "HF_HUB_OFFLINE": "1", **environment},
    )  # fmt: skip
    out, error = process.communicate()
    seconds = time.perf_counter() - started
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{error}")
    return Cold(seconds, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024, out)


def headstart(*words: str) -> Cold:
    """Run one command of headstart in a fresh process."""
    return cold([sys.executable, "-m", "headstart", *words])


def median(commands: Sequence[str], repeats: int) -> float:
    """Median seconds of a cold command."""
    return statistics.median(cold(commands).seconds for _ in range(repeats))


def machine() -> str:
    """The machine by what it can do."""
    flags = set(re.findall(r"\w+", Path("/proc/cpuinfo").read_text())) if Path("/proc/cpuinfo").exists() else set()
    able = [name for name in ("amx_bf16", "avx512_bf16", "avx512f", "avx2") if name in flags]
    return f"{os.cpu_count()} {platform.machine()} cores ({', '.join(able[:2]) or 'no vector units known'})"


def write_section(title: str, lines: Sequence[str]) -> None:
    """Put a section into RESULTS.md in the place of the one of that title, and print it."""
    body = "\n".join([f"## {title}", "", f"Measured on {machine()}, {time.strftime('%Y-%m-%d')}.", "", *lines, ""])
    old = RESULTS.read_text(encoding="utf-8") if RESULTS.exists() else "# Results\n\n"
    sections = [part for part in re.split(r"(?m)^(?=## )", old) if not part.startswith(f"## {title}\n")]
    RESULTS.write_text("".join(sections).rstrip("\n") + "\n\n" + body, encoding="utf-8")
    print(body)
