"""The command line as tests drive it, and small data to drive it with."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

ERROR = "headstart: error: "
DELIVERY = ("my parcel {} is late", "where is order {} now", "the courier lost box {}", "no tracking news for {}")
REFUND = ("I want money back for {}", "please refund payment {}", "you charged card {} twice", "cancel invoice {}")


@dataclass(frozen=True)
class Outcome:
    """What one call gave."""

    code: int
    out: str
    err: str

    @property
    def told(self) -> str:
        """All that the user sees."""
        return self.out + self.err


class CommandLine:
    """Runs headstart in this process, in a folder of its own."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder, self._capsys = folder, capsys

    def __call__(self, *words: str) -> Outcome:
        from headstart.cli.main import main

        self._capsys.readouterr()
        try:
            code = main(list(words))
        except SystemExit as done:  # argparse leaves this way
            code = int(done.code or 0)
        return Outcome(code, *self._capsys.readouterr())

    def works(self, *words: str, says: Iterable[str] = ()) -> Outcome:
        """The call ends with 0, without an error, and says what it should."""
        outcome = self(*words)
        assert outcome.code == 0, outcome.told
        assert_said(outcome.told, says)
        assert "error" not in outcome.err
        return outcome

    def refuses(self, *words: str, code: int, says: Iterable[str]) -> str:
        """The call fails with one sentence that says so, and no file was made, changed or lost."""
        before = tree(self.folder)
        message = refusal(self(*words), code, says)
        assert tree(self.folder) == before
        return message


def refusal(outcome: Outcome, code: int, says: Iterable[str]) -> str:
    """The one sentence of a call that failed with ``code``."""
    assert outcome.code == code, outcome.told
    lines = without_progress(outcome.err)
    assert len(lines) == 1, outcome.err
    assert lines[0].startswith(ERROR)
    message = lines[0].removeprefix(ERROR)
    assert_said(message, says)
    return message


def without_progress(err: str) -> list[str]:
    """The lines of standard error but those that a slow machine adds to say how far it is."""
    return [line for line in err.splitlines() if not line.startswith("... ")]


def assert_said(text: str, words: Iterable[str]) -> None:
    assert "Traceback" not in text
    assert "bug in headstart" not in text
    for word in words:
        assert word.lower() in text.lower(), f"{word!r} is not in: {text}"


def tree(folder: Path) -> dict[str, str]:
    """What each file, folder and link below ``folder`` is; what is cached or printed does not count."""
    found = {}
    for here, folders, names in os.walk(folder):
        for name in (*folders, *names):
            path = Path(here, name)
            if path.is_symlink():
                about = f"link to {path.readlink()}"
            elif path.is_file():
                about = hashlib.sha256(path.read_bytes()).hexdigest()
            else:
                about = "folder"
            found[path.relative_to(folder).as_posix()] = about
    return {name: about for name, about in found.items() if not name.startswith("cache")}


def start(code: str, *words: str, folder: Path, **settings: str) -> subprocess.Popen[str]:
    """A process of its own that runs ``code``, then the command line with ``words``."""
    program = f"import sys, signal\n{code}\nfrom headstart.cli.main import main\nsys.exit(main({list(words)!r}))\n"
    pipe = subprocess.PIPE
    return subprocess.Popen(
        [sys.executable, "-c", program], cwd=folder, env={**os.environ, **settings}, text=True,
        stdin=pipe, stdout=pipe, stderr=pipe,
    )  # fmt: skip


def finish(process: subprocess.Popen[str], given: str = "") -> Outcome:
    out, err = process.communicate(given, timeout=60)
    return Outcome(process.returncode, out, err)


def write_csv(path: Path, rows: Sequence[Sequence[object]], **how: str) -> str:
    with path.open("w", newline="", **how) as file:
        csv.writer(file).writerows(rows)
    return path.name


def texts(count: int = 24) -> list[list[str]]:
    """A header, then texts of two intents."""
    rows = []
    for i in range(count):
        kind, sentences = (("delivery", DELIVERY), ("refund", REFUND))[i % 2]
        rows.append([sentences[(i // 2) % 4].format(f"{i:x}{i * i:x}"), kind])
    return [["text", "label"], *rows]


def vectors(count: int = 24, columns: int = 3) -> list[list[object]]:
    """A header, then rows of numbers of two classes."""
    rng = np.random.default_rng(0)
    header = [f"x{j}" for j in range(columns)] + ["label"]
    return [header, *([*(rng.normal(i % 2, 0.3, columns).round(4)), "ab"[i % 2]] for i in range(count))]


def pictures(folder: Path, names: Sequence[str] = ("ant", "bee"), count: int = 6, size: int = 24) -> str:
    """A folder of PNG files for each class, dark and bright."""
    from PIL import Image

    rng = np.random.default_rng(0)
    for code, name in enumerate(names):
        (folder / name).mkdir(parents=True)
        for i in range(count):
            noise = rng.integers(0, 120, (size, size, 3)) + 120 * (code % 2)
            Image.fromarray(noise.astype(np.uint8)).save(folder / name / f"{i}.png")
    return folder.name


def sounds(folder: Path, count: int = 6) -> str:
    """A folder of WAV files for each class, low and high."""
    import soundfile

    for name, pitch in (("low", 200), ("high", 1500)):
        (folder / name).mkdir(parents=True)
        for i in range(count):
            wave = np.sin(np.arange(4000) / 8000 * 2 * np.pi * (pitch + 40 * i)) / 2
            soundfile.write(folder / name / f"{i}.wav", wave, 8000)
    return folder.name


def write_body(path: Path, **changed: object) -> str:
    """A tiny timm checkpoint with random weights, and the JSON file beside it; its name as a source."""
    import timm
    import torch
    from safetensors.torch import save_file

    torch.manual_seed(0)
    save_file(timm.create_model("test_resnet", pretrained=False, num_classes=0).state_dict(), path)
    facts = {
        "architecture": "test_resnet",
        "timm_kwargs": {"num_classes": 0},
        "input_size": [3, 32, 32],
        "mean": [0.5] * 3,
        "std": [0.5] * 3,
        "interpolation": "bilinear",
        "crop_pct": 1.0,
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
    }
    path.with_suffix(".json").write_text(json.dumps(facts | changed))
    return f"local:{path}"
