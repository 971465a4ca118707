"""Parsed options as arguments of the Python functions that the commands call."""

from __future__ import annotations

import argparse
import shlex
import sys
from typing import Any, Literal, TypedDict

from headstart.engine.options import Engine
from headstart.errors import UsageError
from headstart.heads.problem import Fusion, LayerChoice
from headstart.params import parse_duration
from headstart.types import Modality, TaskKind

__all__ = [
    "FitArguments", "JudgingArguments", "ReadingArguments", "command_line", "engine_of", "fit_arguments",
    "judging_arguments", "reading_options", "seconds_of", "sources_to_rank", "training_of",
]  # fmt: skip


class ReadingArguments(TypedDict):
    """How to read the data: arguments that `headstart.fit`, `rank`, `evaluate` and `headstart.data.read` share."""

    label: str | list[str] | None
    item: str | None
    task: TaskKind | None
    modality: Modality | None
    group_col: str | None
    group_pattern: str | None
    time_col: str | None
    annotations: str | None


class FitArguments(TypedDict):
    """Arguments that a fit of one label column and a fit of several share."""

    source: str | list[str] | None
    heads: tuple[str, ...] | None
    layers: LayerChoice
    fusion: Fusion
    class_weight: Literal["balanced"] | None
    label_text: str
    drop_suspects: bool
    baselines: str
    seed: int
    engine: Engine
    report_items: int
    command: str


class JudgingArguments(ReadingArguments):
    """Arguments that `headstart.evaluate` and `headstart.compare` share.

    Examples:
        >>> sorted(JudgingArguments.__annotations__.keys() - ReadingArguments.__annotations__.keys())
        ['command', 'engine', 'out', 'report_items', 'seed', 'split']
    """

    split: str | None
    out: str | None
    seed: int
    engine: Engine
    report_items: int
    command: str


def reading_options(args: argparse.Namespace) -> ReadingArguments:
    """The options that say how to read the data.

    Args:
        args: of a command with `headstart.cli.parser.common.add_reading`.

    Examples:
        >>> from headstart.cli.parser import build_parser
        >>> reading_options(build_parser().parse_args(["fit", "a.csv", "--label", "mood"]))["label"]
        'mood'
    """
    return {
        "label": _one_or_several(args.label),
        "item": args.item,
        "task": args.task,
        "modality": args.modality,
        "group_col": args.group_col,
        "group_pattern": args.group_pattern,
        "time_col": args.time_col,
        "annotations": args.annotations,
    }


def judging_arguments(args: argparse.Namespace) -> JudgingArguments:
    """The options that say what saved models are judged on, and what is written.

    Args:
        args: of a command with `headstart.cli.parser.common.add_judging`.

    Examples:
        >>> from headstart.cli.parser import build_parser
        >>> judging_arguments(build_parser().parse_args(["evaluate", "run", "a.csv", "--split", "val"]))["split"]
        'val'
    """
    return {
        **reading_options(args),
        "split": args.split,
        "out": args.out,
        "seed": args.seed,
        "engine": engine_of(args),
        "report_items": args.report_items,
        "command": command_line(args),
    }


def fit_arguments(args: argparse.Namespace) -> FitArguments:
    """The options that say what a fit does.

    Args:
        args: of the command fit.

    Examples:
        >>> from headstart.cli.parser import build_parser
        >>> fit_arguments(build_parser().parse_args(["fit", "a.csv", "--head", "ridge,lda"]))["heads"]
        ('ridge', 'lda')
    """
    return {
        "source": _one_or_several(args.source),
        "heads": None if args.head == "solved" else tuple(args.head.split(",")),
        "layers": args.layers,
        "fusion": args.fusion,
        "class_weight": args.class_weight,
        "label_text": args.label_text,
        "drop_suspects": args.drop_suspects,
        "baselines": args.baselines,
        "seed": args.seed,
        "engine": engine_of(args),
        "report_items": args.report_items,
        "command": command_line(args),
    }


def _one_or_several(given: list[str] | None) -> str | list[str] | None:
    """The values of an option that may be repeated; a single value is returned without its list."""
    return given[0] if given and len(given) == 1 else given


def training_of(args: argparse.Namespace) -> dict[str, Any]:
    """The settings of a training that were given, by name.

    Args:
        args: of a command with `headstart.cli.parser.training.add_training`.

    Raises:
        UsageError: for a setting that is given twice.

    Examples:
        >>> from headstart.cli.parser import build_parser
        >>> words = ["fit", "photos", "--strategy", "lora", "--epochs", "3", "--batch-size", "8", "--set", "rank=4"]
        >>> training_of(build_parser().parse_args(words))
        {'epochs': 3, 'batch_size': 8, 'rank': 4}
    """
    found = {name: getattr(args, name) for name in args.settings if getattr(args, name) is not None}
    for name, value in args.set:
        if name in found:
            raise UsageError(f"The training setting '{name}' is given twice; leave one of them out.")
        found[name] = value
    return found


def engine_of(args: argparse.Namespace) -> Engine:
    """The options that say how to encode items.

    Args:
        args: of a command with `headstart.cli.parser.common.add_encoding`.

    Raises:
        UsageError: for ``--workers`` without ``--ray``.

    Examples:
        >>> from headstart.cli.parser import build_parser
        >>> engine_of(build_parser().parse_args(["fit", "photos", "--no-cache", "--ray"]))
        Engine(backend='auto', cache=False, batch_size=None, ray='auto', workers=None, int8='auto')
    """
    if args.workers is not None and args.ray is None:
        raise UsageError("--workers sets the number of processes on a Ray cluster; add --ray, or leave out --workers.")
    return Engine(args.backend, not args.no_cache, args.batch_size, args.ray, args.workers, args.int8)


def sources_to_rank(args: argparse.Namespace) -> list[str] | None:
    """The sources that ``--sources`` names, separated by spaces or commas; None for all that are available.

    Args:
        args: of a command with ``--sources``.

    Examples:
        >>> from headstart.cli.parser import build_parser
        >>> sources_to_rank(build_parser().parse_args(["rank", "a.csv", "--sources", "toy,vector"]))
        ['toy', 'vector']
    """
    from headstart.transfer.ranking.entries import split_names

    return None if args.sources is None else split_names(args.sources)


def seconds_of(args: argparse.Namespace) -> float | None:
    """The seconds of ``--time-limit``; None for no limit.

    Examples:
        >>> from headstart.cli.parser import build_parser
        >>> seconds_of(build_parser().parse_args(["fit", "a.csv", "--time-limit", "2m"]))
        120.0
    """
    return None if args.time_limit is None else parse_duration(args.time_limit)


def command_line(args: argparse.Namespace) -> str:
    """The command, quoted so that a shell can run it again; kept in the record of a run.

    Args:
        args: of the command.

    Examples:
        >>> command_line(argparse.Namespace(words=["fit", "my photos"]))
        "headstart fit 'my photos'"
    """
    return shlex.join(["headstart", *(sys.argv[1:] if args.words is None else args.words)])
