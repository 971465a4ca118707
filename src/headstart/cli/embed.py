"""``headstart embed``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.cli.console import ConsoleReporter, json_text, write_line
from headstart.cli.encoding import engine_of
from headstart.cli.fit import reading_options
from headstart.errors import ParameterError, UsageError
from headstart.io import atomic_file, check_writable, write_tensors
from headstart.types import Source

__all__ = ["run"]


def run(args: argparse.Namespace) -> int:
    """Encode every item once and write the rows.

    Examples:
        >>> from headstart.cli.main import main
        >>> main(["embed", "no-such-folder", "--out", "rows.npy"])     # the reason goes to standard error
        2
    """
    from headstart.cli.items import check_any_left
    from headstart.data import read
    from headstart.engine.extract import extract
    from headstart.sources.default import source_for
    from headstart.transfer.preparing import encoding_words

    write, engine = _writer(args), engine_of(args)
    reporter = ConsoleReporter(sys.stderr if args.json else sys.stdout)
    dataset = read(args.data, labelled=False, **reading_options(args))
    source = _with_layers(source_for(dataset, args.source), args.layers, positions=args.per == "position")
    with reporter.progress("encoding") as step:
        encoded = extract(source, dataset.items, engine=engine, progress=step)
    check_any_left(len(encoded.index), dataset.ids, encoded.failures)
    for position, reason in encoded.failures.items():
        reporter.warning(f"Set aside {dataset.ids[position]}: {reason}")
    for note in encoded.notes:
        reporter.line("encoding", note)
    blocks = source.info.blocks
    width = blocks[-1].width if blocks and args.layers == "last" else 0
    found = _Rows(np.asarray(encoded.rows[:, -width:]), [dataset.ids[i] for i in encoded.index], encoded.offsets)
    with atomic_file(Path(args.out)) as scratch:
        write(scratch, found)
    shape = {"items": len(found.ids), "rows": len(found.rows), "features": found.rows.shape[1]}
    if args.json:
        failures = [{"item": dataset.ids[i], "reason": reason} for i, reason in encoded.failures.items()]
        how = {name: getattr(encoded, name) for name in ("backend", "precision", "encoded", "hits", "items_per_second")}
        facts = {"source": source.info.name, **shape, **how, "out": args.out}
        write_line(json_text({**facts, "failures": failures, "notes": list(encoded.notes)}))
    else:
        size = f"{shape['rows']} rows of {shape['features']} features from {source.info.name}"
        reporter.line("saved", f"{args.out}: {size}; {encoding_words(encoded)}")
    return 1 if encoded.failures else 0


@dataclass(frozen=True)
class _Rows:
    """Rows with the names of their items; ``offsets`` say where an item's rows begin where it has several."""

    rows: NDArray[Any]
    ids: list[str]
    offsets: NDArray[np.int64] | None


def _with_layers(source: Source, layers: str, *, positions: bool) -> Source:
    """The source with the layers that were asked for."""
    if not positions and layers in ("last", "blocks"):
        return source  # one source gives both, so that a fit and an embed share their rows
    choose = getattr(source, "with_layers", None)
    if choose is None:
        raise UsageError(
            f"The source '{source.info.name}' has no layers to choose and one row an item; "
            "leave --layers and --per out, or name another source."
        )
    names = tuple(name.strip() for name in layers.split(","))
    if "" in names:
        raise ParameterError(
            f"--layers must be last, blocks, all or names with commas between. Got '{layers}' instead."
        )
    chosen: Source = choose(layers if layers in ("last", "blocks", "all") else names, positions=positions)
    return chosen


def _writer(args: argparse.Namespace) -> Callable[[Path, _Rows], None]:
    suffix = Path(args.out).suffix.lower()
    if suffix not in WRITERS:
        raise UsageError(f"--out must end in one of {', '.join(WRITERS)}. Got '{args.out}' instead.")
    if args.per == "position" and suffix == ".npy":
        raise UsageError(
            "A .npy file has no place for the item and position of a row; with --per position let --out end in "
            ".parquet, .csv or .safetensors."
        )
    check_writable(Path(args.out))
    return WRITERS[suffix]


def _frame(found: _Rows) -> Any:
    import pandas as pd

    frame = pd.DataFrame(found.rows, columns=[f"f{i}" for i in range(found.rows.shape[1])])
    if found.offsets is None:
        frame.insert(0, "id", found.ids)
        return frame
    counts = np.diff(found.offsets)
    frame.insert(0, "id", np.repeat(np.array(found.ids, dtype=object), counts))
    frame.insert(1, "position", np.arange(len(frame)) - np.repeat(found.offsets[:-1], counts))
    return frame


def _write_parquet(path: Path, found: _Rows) -> None:
    _frame(found).to_parquet(path, index=False)


def _write_csv(path: Path, found: _Rows) -> None:
    _frame(found).to_csv(path, index=False)


def _write_npy(path: Path, found: _Rows) -> None:
    np.save(path, found.rows, allow_pickle=False)


def _write_safetensors(path: Path, found: _Rows) -> None:
    """``features``, the ids as JSON in the metadata and, with several rows an item, ``offsets`` (items + 1,)."""
    import json

    offsets = {} if found.offsets is None else {"offsets": found.offsets}
    write_tensors(path, {"features": found.rows, **offsets}, {"ids": json.dumps(found.ids)})


WRITERS: dict[str, Callable[[Path, _Rows], None]] = {
    ".parquet": _write_parquet,
    ".csv": _write_csv,
    ".npy": _write_npy,
    ".safetensors": _write_safetensors,
}
