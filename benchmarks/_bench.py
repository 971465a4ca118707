"""Shared by the sections of `extraction.py`: the options, the unpacked data, and the runs of each variant."""

from __future__ import annotations

import csv
import json
import random
import sys
import tarfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from _common import DATA, HERE, Cold, Measured, Worker, alternate, cold, section, write_section

MOBILENET = str(DATA / "weights" / "mobilenetv2_100.tv_in1k.safetensors")
ARCHIVES = {
    "hymenoptera": "images/hymenoptera.tar",
    "clothing10": "images/clothing10_cc0.tar",
    "ESC-10": "audio/esc10.tar",
    "FSDD": "audio/fsdd_1200.tar.gz",
}
SUFFIXES = {".jpg", ".jpeg", ".ogg", ".wav"}


@dataclass(frozen=True)
class Bench:
    """The options of this run, and its folders."""

    folder: Path
    repeats: int
    quick: bool
    device: str
    tutorial_repeats: int

    def unpacked(self, name: str) -> Path:
        """The folder of a data set."""
        target = self.folder / name
        if not target.exists():
            with tarfile.open(DATA / ARCHIVES[name]) as archive:
                archive.extractall(target, filter="data")
        return target

    def files(self, name: str, most: int) -> list[str]:
        """At most this many files of a data set, shuffled with a fixed seed; few for a quick run."""
        return self.all_files(name)[: min(most, 48) if self.quick else most]

    def all_files(self, name: str) -> list[str]:
        """The files of a data set, shuffled with a fixed seed."""
        found = sorted(str(path) for path in self.unpacked(name).rglob("*") if path.suffix.lower() in SUFFIXES)
        random.Random(0).shuffle(found)  # noqa: S311 (an order, no secret)
        return found

    @cached_property
    def resnet(self) -> str:
        """A checkpoint folder of timm: ResNet-50 with random weights."""
        folder = str(self.folder / "resnet50")
        self.once("_plain:random_resnet", {"folder": folder})
        return folder

    @property
    def environment(self) -> dict[str, str]:
        """Environment of every process: a cache folder of this run, and no GPU unless asked for."""
        hidden = {} if self.device == "cuda" else {"CUDA_VISIBLE_DEVICES": ""}
        return {"HEADSTART_CACHE": str(self.folder / "cache"), **hidden}

    @property
    def bodies(self) -> str:
        """The folder in which the workers share converted bodies."""
        return str(self.folder / "cache" / "bodies")

    @property
    def backend(self) -> str:
        """The backend of Headstart's variants."""
        return "cuda" if self.device == "cuda" else "auto"

    def cold(self, way: str, settings: Mapping[str, Any]) -> Cold:
        """Run a variant once in a cold process."""
        file = self.folder / "settings.json"
        file.write_text(json.dumps(settings), encoding="utf-8")
        return cold([sys.executable, str(HERE / "_worker.py"), way, "--once", str(file)], **self.environment)

    def once(self, way: str, settings: Mapping[str, Any]) -> dict[str, Any]:
        """The report of a variant that runs once in a cold process."""
        return self.cold(way, settings).json()

    def run(self, ways: Mapping[str, tuple[str, Mapping[str, Any]]]) -> dict[str, Measured]:
        """Run warm workers, alternating."""
        with ExitStack() as stack:
            workers = {}
            for name, (way, settings) in ways.items():
                workers[name] = Worker(way, settings, **self.environment)
                stack.callback(workers[name].close)
            return alternate(workers, self.repeats)

    def write(self, title: str, lines: Sequence[str]) -> None:
        """Write a section of RESULTS.md; a quick run only prints it."""
        if self.quick:
            print(section(f"{title} (quick: not to be quoted)", lines), flush=True)
        else:
            write_section(title, lines)


def banking77(bench: Bench) -> list[str]:
    """The texts of BANKING77's train part."""
    with (DATA / "text" / "banking77" / "train.csv").open(encoding="utf-8", newline="") as file:
        items = [row["text"] for row in csv.DictReader(file)]
    return items[::20] if bench.quick else items
