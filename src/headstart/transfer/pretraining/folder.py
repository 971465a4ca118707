"""The folder of a pretrained source: the checkpoint, the record of the training, and a card."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from shutil import copyfile
from typing import Any, Protocol

from headstart.errors import UsageError
from headstart.io import atomic_folder, check_writable, read_json, remove_leftovers, write_json
from headstart.transfer.pretraining.card import card_of

__all__ = ["RECORD", "check_new", "write_source", "written_licence"]

RECORD = "pretraining.json"


class Saveable(Protocol):
    """A source that can be written as a checkpoint."""

    def save(self, folder: Path) -> object:
        """Write it into a folder."""
        ...


def check_new(out: Path) -> None:
    """Raise unless the folder is new or empty and can be written.

    Args:
        out: the folder.

    Raises:
        UsageError: if it holds files, or is one.
        SaveError: if nothing can be written there.

    Examples:
        >>> check_new(Path("a-new-folder"))
    """
    check_writable(out)
    remove_leftovers(out)
    # hidden files such as .gitkeep or .DS_Store do not make a folder a used one
    if out.exists() and (not out.is_dir() or any(not path.name.startswith(".") for path in out.iterdir())):
        raise UsageError(f"'{out}' already exists and is not overwritten; name a new folder with --out.")


def write_source(out: Path, source: Saveable, record: Mapping[str, Any], logs: Path | None = None) -> None:
    """Write a source with its record and its card, completely or not at all.

    Args:
        out: a new folder.
        source: the trained body.
        record: of the pretraining.
        logs: folder of the training's logs; None for none.

    Examples:
        >>> import tempfile
        >>> class Nothing:
        ...     def save(self, folder):
        ...         write_json(folder / "config.json", {"pretrained_cfg": {}})
        >>> record = {"license": "CC0-1.0", "start": "toy with random weights", "objective": "labels"}
        >>> out = Path(tempfile.mkdtemp()) / "body"
        >>> write_source(out, Nothing(), record)
        >>> sorted(path.name for path in out.iterdir())
        ['README.md', 'config.json', 'pretraining.json']
    """
    with atomic_folder(out) as scratch:
        source.save(scratch)
        write_json(scratch / RECORD, dict(record))
        written_licence(scratch, record.get("license"))
        (scratch / "README.md").write_text(card_of(record), encoding="utf-8")
        if logs is not None and (logs / "training.csv").is_file():
            copyfile(logs / "training.csv", scratch / "training.csv")


def written_licence(folder: Path, licence: str | None) -> None:
    """State the licence of the weights in the checkpoint's own facts, where it has a field for it.

    Args:
        folder: of the checkpoint.
        licence: None for "not stated".

    Examples:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> write_json(folder / "config.json", {"pretrained_cfg": {}})
        >>> written_licence(folder, "CC0-1.0")
        >>> read_json(folder / "config.json")["pretrained_cfg"]
        {'license': 'CC0-1.0'}
    """
    # a body for sounds holds its body for pictures in a sub-folder
    for config in (folder / "config.json", folder / "image" / "config.json"):
        facts = read_json(config) if config.is_file() else {}
        if isinstance(facts.get("pretrained_cfg"), dict):
            facts["pretrained_cfg"]["license"] = licence or "not stated"
            write_json(config, facts)
