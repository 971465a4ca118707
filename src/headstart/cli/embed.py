"""``headstart embed``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.cli.console import ConsoleReporter, json_text, write_line
from headstart.cli.fit import reading_options
from headstart.errors import UsageError
from headstart.io import atomic_file, check_writable, write_tensors

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

    suffix = Path(args.out).suffix.lower()
    if suffix not in WRITERS:
        raise UsageError(f"--out must end in one of {', '.join(WRITERS)}. Got '{args.out}' instead.")
    check_writable(Path(args.out))
    reporter = ConsoleReporter(sys.stderr if args.json else sys.stdout)
    dataset = read(args.data, labelled=False, **reading_options(args))
    source = source_for(dataset, args.source)
    with reporter.progress("encoding") as step:
        encoded = extract(source, dataset.items, progress=step)
    check_any_left(len(encoded.index), dataset.ids, encoded.failures)
    for position, reason in encoded.failures.items():
        reporter.warning(f"Set aside {dataset.ids[position]}: {reason}")
    width = source.info.blocks[-1].width if source.info.blocks and args.layers == "last" else 0
    rows = np.asarray(encoded.rows[:, -width:])
    with atomic_file(Path(args.out)) as scratch:
        WRITERS[suffix](scratch, rows, [dataset.ids[i] for i in encoded.index])
    facts = {"source": source.info.name, "items": len(rows), "features": rows.shape[1], "out": args.out}
    if args.json:
        failures = [{"item": dataset.ids[i], "reason": reason} for i, reason in encoded.failures.items()]
        write_line(json_text({**facts, "failures": failures}))
    else:
        speed = f"{encoded.items_per_second:,.0f} items/s"
        reporter.line(
            "saved", f"{args.out}: {len(rows)} rows of {rows.shape[1]} features from {source.info.name}, {speed}"
        )
    return 1 if encoded.failures else 0


def _frame(rows: NDArray[Any], ids: list[str]) -> Any:
    import pandas as pd

    frame = pd.DataFrame(rows, columns=[f"f{i}" for i in range(rows.shape[1])])
    frame.insert(0, "id", ids)
    return frame


def _write_parquet(path: Path, rows: NDArray[Any], ids: list[str]) -> None:
    _frame(rows, ids).to_parquet(path, index=False)


def _write_csv(path: Path, rows: NDArray[Any], ids: list[str]) -> None:
    _frame(rows, ids).to_csv(path, index=False)


def _write_npy(path: Path, rows: NDArray[Any], ids: list[str]) -> None:  # noqa: ARG001 (an array file has no names)
    np.save(path, rows, allow_pickle=False)


def _write_safetensors(path: Path, rows: NDArray[Any], ids: list[str]) -> None:
    import json

    write_tensors(path, {"features": rows}, {"ids": json.dumps(ids)})


WRITERS: dict[str, Callable[[Path, NDArray[Any], list[str]], None]] = {
    ".parquet": _write_parquet,
    ".csv": _write_csv,
    ".npy": _write_npy,
    ".safetensors": _write_safetensors,
}
