"""Run folders on the command line: where a fit writes, and what ``--json`` tells of it."""

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
LONGEST = 120  # bytes of a name, which a file system gives 255, with what is put before and behind it


@contextmanager
def run_folder(
    data: str | None, *, named: str | None, overwrite: bool, reporter: ConsoleReporter, name: str = "data"
) -> Iterator[Path]:
    """The folder that a fit writes: the named one, else ``runs/NAME`` for data called NAME.

    A run that is there under the default name is kept: the new one goes to ``runs/NAME-2`` and so on, which is said
    before the work. While the block runs, no other process is given the same name.

    Args:
        data: what is fitted; None where there are none.
        named: what the user named, which may be replaced.
        overwrite: whether the run of the same data under the default name is replaced.
        reporter: hears of another name than the first.
        name: the default name without data.

    Yields:
        The folder; it need not exist.

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
        if folder != first:
            reporter.line("run folder", f"{folder}, because {_why_not(first, overwrite=overwrite)}")
        yield folder


def _why_not(first: Path, *, overwrite: bool) -> str:
    if _is_free(first):
        return f"another fit is writing {first}"
    if not is_run(first):
        return f"{first} is there already"
    return (
        f"{first} holds a run of other data" if overwrite else f"{first} holds a run, which is kept (see --overwrite)"
    )


def _plain_name(data: str) -> str:
    """The name of data without the extensions of tables and archives."""
    name = Path(os.path.realpath(data)).name  # unlike Path.resolve, it takes a loop of links
    for suffix in EXTENSIONS:
        name = name.removesuffix(suffix)
    return name.encode("utf-8", "surrogateescape")[:LONGEST].decode("utf-8", "ignore") or "data"


def _is_free(folder: Path) -> bool:
    """Whether nothing is there, or an empty folder."""
    try:
        if folder.is_symlink():
            return False
        if not folder.exists():
            return True
    except OSError:  # a name that is too long, or folders above that may not be read: the fit says so in its own words
        return True
    try:
        return not any(folder.iterdir())
    except OSError:  # a file, or a folder that may not be read
        return False


@contextmanager
def _claimed(folder: Path) -> Iterator[bool]:
    """Whether the name is this process's own until the block ends; a claim of a process that died counts no more."""
    claim, made = folder.with_name(f".{folder.name}.claim"), not folder.parent.exists()
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        _remove_stale(claim)
        with claim.open("x", encoding="utf-8") as file:
            file.write(f"{os.getpid()} {platform.node()}")
    except FileExistsError:
        yield False
        return
    except OSError:  # nothing can be written here, which the fit says in its own words
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
    if task_folders(run) is not None:  # several columns are fitted from a frame, so that their data have no path
        return True
    try:
        about = read_json(run / "manifest.json").get("data")
    except ModelFolderError:  # nothing is there, or no run
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
