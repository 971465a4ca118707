"""Run folders on the command line: where a fit writes, and what ``--json`` gives of its record."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from itertools import chain, count
from pathlib import Path
from typing import Any

from headstart.cli.output.console import ConsoleReporter
from headstart.errors import ModelFolderError
from headstart.io import is_run, is_running, read_json
from headstart.model.task_folders import task_folders

__all__ = ["run_folder", "summary"]

EXTENSIONS = (
    *(".gz", ".bz2", ".xz", ".zst", ".tar", ".tgz", ".zip"),
    *(".csv", ".tsv", ".jsonl", ".ndjson", ".json", ".parquet", ".xlsx", ".xls", ".ods"),
)
LONGEST = 120  # bytes of a folder name; file systems allow 255, and scratch names add a prefix and a suffix


@contextmanager
def run_folder(
    data: str | None, *, named: str | None, overwrite: bool, reporter: ConsoleReporter, name: str = "data"
) -> Iterator[Path]:
    """The folder that a fit writes: the one given, or else ``runs/NAME`` for data called NAME.

    An existing run under the default name is kept: the new one goes to ``runs/NAME-2`` and so on, which is reported
    once it is there. While the block runs, no other process gets the same name.

    Args:
        data: path of the data; None for a fit without data.
        named: the value of ``--out``; a run there is replaced.
        overwrite: whether to replace a run of the same data under the default name.
        reporter: gets a line if the folder is not the default one.
        name: the default name for a fit without data.

    Yields:
        The folder, which may not exist yet.

    Examples:
        >>> with run_folder("photos.tar", named="runs/a", overwrite=False, reporter=ConsoleReporter()) as folder:
        ...     folder.as_posix()
        'runs/a'
    """
    if named is not None:
        yield Path(named)
        return
    first = Path("runs") / (name if data is None else _plain_name(data))
    with ExitStack() as stack:
        for folder in chain([first], (first.with_name(f"{first.name}-{number}") for number in count(2))):
            if (overwrite and _is_of(folder, data)) or (_is_free(folder) and stack.enter_context(_claimed(folder))):
                break
        why = "" if folder == first else _why_not(first, overwrite=overwrite)
        yield folder
        if why:
            reporter.line("run folder", f"{folder}, because {why}")


def _why_not(first: Path, *, overwrite: bool) -> str:
    if _is_free(first):
        return f"another fit is writing {first}"
    if not is_run(first):
        return f"{first} already exists"
    return (
        f"{first} holds a run of other data" if overwrite else f"{first} holds a run, which is kept (see --overwrite)"
    )


def _plain_name(data: str) -> str:
    """The file name of data without the extensions of tables and archives."""
    name = Path(os.path.realpath(data)).name  # unlike Path.resolve, it accepts a loop of symbolic links
    for suffix in EXTENSIONS:
        name = name.removesuffix(suffix)
    return name.encode("utf-8", "surrogateescape")[:LONGEST].decode("utf-8", "ignore") or "data"


def _is_free(folder: Path) -> bool:
    """Whether nothing is there, or only an empty folder."""
    try:
        if folder.is_symlink():
            return False
        if not folder.exists():
            return True
    except OSError:  # a name that is too long, or parent folders without access: the fit itself reports that
        return True
    try:
        return not any(folder.iterdir())
    except OSError:  # a file, or a folder that cannot be read
        return False


@contextmanager
def _claimed(folder: Path) -> Iterator[bool]:
    """Reserve a folder name by a hidden file; yields whether that worked. Claims of dead processes are removed."""
    claim, made = folder.with_name(f".{folder.name}.claim"), not folder.parent.exists()
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        _remove_stale(claim)
        with claim.open("x", encoding="utf-8") as file:  # "x" fails if the file exists, atomically
            file.write(f"{os.getpid()} {platform.node()}")
    except FileExistsError:
        yield False
        return
    except OSError:  # nothing can be written here, which the fit itself reports
        yield True
        return
    try:
        yield True
    finally:
        claim.unlink(missing_ok=True)
        if made and not any(folder.parent.iterdir()):
            folder.parent.rmdir()


def _remove_stale(claim: Path) -> None:
    if claim.is_file():
        process, _, machine = claim.read_text(encoding="utf-8").partition(" ")
        if machine == platform.node() and process.isdecimal() and not is_running(int(process)):
            claim.unlink(missing_ok=True)


def _is_of(run: Path, data: str | None) -> bool:
    """Whether the folder holds a run of these data; without data, any model."""
    if data is None:
        return is_run(run)
    if task_folders(run) is not None:  # the models of several columns are fitted on a frame and record no path
        return True
    try:
        about = read_json(run / "manifest.json").get("data")
    except ModelFolderError:  # nothing is there, or something other than a run
        return False
    if not isinstance(about, dict):
        return False
    if "path" not in about:  # a run of an earlier version
        return bool(about.get("origin") == f"'{data}'")
    return bool(about["path"] == os.path.realpath(Path(data).expanduser()))


def summary(record: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a record that ``--json`` gives: task, source, metrics, baselines, transfer gain, encoding and audit.

    Examples:
        >>> made = {"task": 1, "source": {"name": "vector"}, "head": 2, "transfer_gain": None, "baselines": {},
        ...         "encoding": {}, "evaluation": {"how": "by hand", "n": 3, "metrics": {}}}
        >>> summary(made)["source"]
        'vector'
    """
    return {
        "task": record["task"],
        "source": record["source"]["name"],
        "head": record["head"],
        "judged_by": record["evaluation"]["how"],
        "items_judged": record["evaluation"]["n"],
        "metrics": record["evaluation"]["metrics"],
        "baselines": {
            name: {"metrics": found["metrics"], "gain": found["gain"]} for name, found in record["baselines"].items()
        },
        "transfer_gain": record["transfer_gain"],
        "encoding": record["encoding"],
        **{key: record["data"][key] for key in ("audit", "texts") if key in record.get("data", {})},
        **({"source_choice": record["source_choice"]} if "source_choice" in record else {}),
    }
