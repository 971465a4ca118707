"""``headstart embed``."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from headstart.cli.input.arguments import engine_of, reading_options
from headstart.cli.output.console import json_text, reporter_of, write_line
from headstart.cli.output.out_file import check_out_file
from headstart.engine.capabilities import LayerChoosing
from headstart.engine.extraction import Extraction
from headstart.errors import ParameterError, UsageError
from headstart.io import atomic_file, harmless_frame, is_run, read_json, write_tensors
from headstart.reporting import Reporter
from headstart.types import Block, Dataset, Source

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["run"]

SLICE_BYTES = 128 * 2**20  # of features; rows become tables in slices of this size, which bounds memory


def run(args: argparse.Namespace) -> int:
    """Encode every item once and write the features.

    Examples:
        >>> from headstart.cli.main import main
        >>> main(["embed", "no-such-folder", "--out", "rows.npy"])     # the reason goes to standard error
        2
    """
    from headstart.engine.extract import extract
    from headstart.model.as_fitted import check_any_left
    from headstart.transfer.stages.prepare import encoding_words

    reporter = reporter_of(args)
    write, engine = _writer(args), engine_of(args)
    given = _given(args, reporter)
    dataset, source = given.dataset, given.source
    with reporter.progress("encoding") as step:
        encoded = extract(source, dataset.items, engine=engine, progress=step)
    # checked before writing: where no item could be read, an earlier file is kept
    check_any_left(len(encoded.index), dataset.ids, encoded.failures)
    for position, reason in encoded.failures.items():
        reporter.warning(f"Set aside {dataset.ids[position]}: {reason}")
    for detail in encoded.details:
        reporter.detail("encoding", detail)
    for note in encoded.notes:
        reporter.line("encoding", note)
    found = _rows(encoded, given, only_last=args.layers == "last")
    with atomic_file(Path(args.out)) as scratch:
        write(scratch, found)
    shape = {"items": len(found.ids), "rows": len(found.rows), "features": found.rows.shape[1]}
    if args.json:
        failures = [{"item": dataset.ids[i], "reason": reason} for i, reason in encoded.failures.items()]
        how = {name: getattr(encoded, name) for name in ("backend", "precision", "encoded", "hits", "items_per_second")}
        facts = {"source": source.info.name, **shape, "blocks": found.widths, **how, "out": args.out}
        write_line(json_text({**facts, "failures": failures, "notes": [*encoded.details, *encoded.notes]}))
    else:
        size = f"{shape['rows']} rows of {shape['features']} features from {source.info.name}"
        reporter.line("saved", f"{args.out}: {size}; {encoding_words(encoded, source.info)}")
    return 1 if encoded.failures else 0


@dataclass(frozen=True)
class _Given:
    """The items, and the source that encodes them; whether they are sentences of words."""

    dataset: Dataset
    source: Source
    are_words: bool = False


def _given(args: argparse.Namespace, reporter: Reporter) -> _Given:
    from headstart.data import ReadOptions
    from headstart.data.read import read_if_annotated
    from headstart.sources.default import report_default, source_for
    from headstart.sources.positions.words import words_of
    from headstart.tasks import read_labelled

    _refuse_a_run(Path(args.data))
    options = ReadOptions.of(labelled=False, **reading_options(args))
    annotated = read_if_annotated(Path(args.data), options)
    plain = read_labelled(args.data, options) if annotated is None else _without_annotations(annotated)
    chosen = source_for(plain, args.source, on_default=report_default(reporter))
    if annotated is None or plain.modality != "text" or args.per == "item":
        if annotated is not None:
            each = "sentence" if plain.modality == "text" else "picture"
            reporter.line("read", f"Annotations are not encoded; a row is a {each}")
        return _Given(plain, _with_layers(chosen, args.layers, positions=args.per == "position"))
    if Path(args.out).suffix.lower() == ".npy":
        raise UsageError(
            "These are annotated sentences, which give a row for each word, and a .npy file has no place for its "
            "sentence and word; let --out end in .parquet, .csv or .safetensors, or encode sentences by --per item."
        )
    reporter.line("read", "Annotated sentences: a row is a word, as its first token; --per item gives one a sentence")
    names = tuple(name.strip() for name in args.layers.split(","))
    layers = args.layers if args.layers in ("last", "blocks", "all") else names
    return _Given(replace(plain, items=annotated.items), words_of(chosen, layers), are_words=True)


def _without_annotations(dataset: Dataset) -> Dataset:
    """The items alone: texts in place of sentences."""
    from headstart.annotations import Sentence

    items = [item.text if isinstance(item, Sentence) else item for item in dataset.items]
    return replace(dataset, items=items, task=None, y=None)


def _refuse_a_run(path: Path) -> None:
    """Raise if the data are the folder of a model."""
    if not path.is_dir() or not is_run(path):
        return
    name = str(read_json(path / "config.json").get("source", {}).get("reference", {}).get("name", ""))
    source = f" --source {name}" if ":" in name and not (path / "body").is_dir() else ""
    raise UsageError(
        f"'{path}' is a model, not data; give the data that are to be encoded: headstart embed DATA{source} --out FILE."
    )


@dataclass(frozen=True)
class _Rows:
    """Features (rows, d) with the names of their items.

    Where an item has several rows, those of item k are ``rows[offsets[k]:offsets[k + 1]]``; those of a sentence are its
    ``words``.
    """

    rows: NDArray[Any]
    ids: list[str]
    offsets: NDArray[np.int64] | None
    blocks: Sequence[Block]
    words: Sequence[str] = ()

    @property
    def widths(self) -> list[tuple[str, int]]:
        """Name and number of columns of each layer, in the order of the columns."""
        return [(block.name, block.width) for block in self.blocks]

    @property
    def columns(self) -> list[str]:
        """Names such as ``f17``, or ``layer.3:17`` where there are several layers."""
        if len(self.blocks) < 2:
            return [f"f{k}" for k in range(self.rows.shape[1])]
        return [f"{name}:{k}" for name, width in self.widths for k in range(width)]


def _rows(encoded: Extraction, given: _Given, *, only_last: bool) -> _Rows:
    ids, blocks = [given.dataset.ids[i] for i in encoded.index], given.source.info.blocks
    if given.are_words:  # the numbers on how a word is written are none of the body's; they come last
        blocks = tuple(block for block in blocks if not block.numbers)
        words = [word for i in encoded.index for word in given.dataset.items[i].words]
        width = sum(block.width for block in blocks)
        return _Rows(np.asarray(encoded.rows[:, :width]), ids, encoded.offsets, blocks, words)
    blocks = blocks[-1:] if only_last else blocks
    width = blocks[-1].width if blocks and only_last else 0
    return _Rows(np.asarray(encoded.rows[:, -width:]), ids, encoded.offsets, blocks)


def _with_layers(source: Source, layers: str, *, positions: bool) -> Source:
    """The source with the layers that were asked for."""
    if not positions and layers in ("last", "blocks"):
        return source  # its rows hold both, and `fit` and `embed` share them in the cache
    if not isinstance(source, LayerChoosing):
        raise UsageError(
            f"The source '{source.info.name}' has no layers to choose and gives one row per item; "
            "leave --layers and --per out, or name another source."
        )
    names = tuple(name.strip() for name in layers.split(","))
    if "" in names:
        raise ParameterError(f"--layers must be last, blocks, all or comma-separated names. Got '{layers}' instead.")
    return source.with_layers(layers if layers in ("last", "blocks", "all") else names, positions=positions)


def _writer(args: argparse.Namespace) -> Callable[[Path, _Rows], None]:
    path = check_out_file(args.out, WRITERS, [args.data])
    if args.per == "position" and path.suffix.lower() == ".npy":
        raise UsageError(
            "A .npy file has no place for the item and position of a row; with --per position let --out end in "
            ".parquet, .csv or .safetensors."
        )
    return WRITERS[path.suffix.lower()]


def _frames(found: _Rows) -> Iterator[pd.DataFrame]:
    """The rows as tables of a bounded size, first to last."""
    import pandas as pd

    names, total = found.columns, len(found.rows)
    step = max(1, SLICE_BYTES // max(1, len(names) * found.rows.itemsize))
    for begin in range(0, max(1, total), step):
        places = np.arange(begin, min(begin + step, total))
        # the item k that owns row p is the one with offsets[k] <= p < offsets[k + 1]
        owner = places if found.offsets is None else np.searchsorted(found.offsets, places, side="right") - 1
        frame = pd.DataFrame(found.rows[begin : begin + len(places)], columns=names)
        frame.insert(0, "id", [found.ids[k] for k in owner])
        if found.offsets is not None:
            frame.insert(1, "position", places - found.offsets[owner])
        if found.words:
            frame.insert(2, "word", [found.words[k] for k in places.tolist()])
        yield frame


def _write_parquet(path: Path, found: _Rows) -> None:
    """One row group per slice; the layers as JSON under ``blocks`` in the metadata of the schema."""
    import pyarrow as pa
    from pyarrow.parquet import ParquetWriter

    tables = (pa.Table.from_pandas(frame, preserve_index=False) for frame in _frames(found))
    first = next(tables)
    about = {**(first.schema.metadata or {}), b"blocks": json.dumps(found.widths).encode()}
    with ParquetWriter(path, first.schema.with_metadata(about)) as writer:
        for table in chain([first], tables):
            writer.write_table(table)


def _write_csv(path: Path, found: _Rows) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        for number, frame in enumerate(_frames(found)):
            harmless_frame(frame).to_csv(file, index=False, header=number == 0)


def _write_npy(path: Path, found: _Rows) -> None:
    np.save(path, found.rows, allow_pickle=False)


def _write_safetensors(path: Path, found: _Rows) -> None:
    """``features``; with several rows per item ``offsets`` (items + 1,); the rest as JSON in the metadata."""
    offsets = {} if found.offsets is None else {"offsets": found.offsets}
    about = {"ids": json.dumps(found.ids), "blocks": json.dumps(found.widths)}
    words = {"words": json.dumps(found.words)} if found.words else {}
    write_tensors(path, {"features": found.rows, **offsets}, about | words)


WRITERS: dict[str, Callable[[Path, _Rows], None]] = {
    ".parquet": _write_parquet,
    ".csv": _write_csv,
    ".npy": _write_npy,
    ".safetensors": _write_safetensors,
}
