"""The words of the command line; nothing heavy is imported here, so that ``--help`` is quick."""

from __future__ import annotations

import argparse

from headstart import __version__

__all__ = ["build_parser"]

DATA = "a folder per class, a folder with train/val/test, a table (CSV, TSV, JSONL, Parquet), or a tar or zip of these"
OUT = (
    "run folder to write; a run that is there is replaced (default: runs/NAME-OF-DATA, or runs/NAME-OF-DATA-2 and so "
    "on where that is a run of other data)"
)
EXIT_CODES = "Exit codes: 0 done, 1 failed, 2 usage or bad input, 130 interrupted."


def build_parser() -> argparse.ArgumentParser:
    """The parser with all commands.

    Examples:
        >>> args = build_parser().parse_args(["fit", "photos", "--seed", "3"])
        >>> args.verb, args.data, args.seed
        ('fit', 'photos', 3)
    """
    parser = argparse.ArgumentParser(
        prog="headstart",
        description="Transfer learning for people with small data: labelled files in, a model that can be trusted out.",
        epilog=f"Start with 'headstart demo', or 'headstart fit DATA'. {EXIT_CODES}",
    )
    parser.add_argument("--version", action="version", version=f"headstart {__version__}")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="COMMAND")
    _add_inspect(verbs)
    _add_fit(verbs)
    _add_predict(verbs)
    _add_evaluate(verbs)
    _add_embed(verbs)
    _add_sources(verbs)
    _add_doctor(verbs)
    _add_demo(verbs)
    return parser


def _seed(text: str) -> int:
    """A seed that every generator of random numbers takes."""
    if not text.isascii() or not text.isdecimal() or int(text) >= 2**32:
        raise argparse.ArgumentTypeError(f"a seed must be a whole number from 0 to {2**32 - 1}. Got '{text}' instead.")
    return int(text)


Verbs = argparse._SubParsersAction


def _verb(verbs: Verbs[argparse.ArgumentParser], name: str, text: str, example: str) -> argparse.ArgumentParser:
    parser = verbs.add_parser(
        name,
        help=text,
        description=text[0].upper() + text[1:] + ".",
        epilog=f"example:\n  {example}\n\n{EXIT_CODES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_common(parser)
    return parser


def _add_common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="write one JSON object to standard output, lines to stderr")
    parser.add_argument("--offline", action="store_true", help="never ask a model hub; use what is on this machine")


def _add_reading(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("how to read the data (inferred and said where not given)")
    group.add_argument("--label", metavar="COLUMN", action="append", help="label column; repeat it for several")
    group.add_argument("--item", metavar="COLUMN", help="column of texts or of paths")
    group.add_argument("--task", choices=["classification", "multilabel", "regression"], help="kind of task")
    group.add_argument("--modality", choices=["image", "text", "audio", "vector"], help="kind of item")
    group.add_argument("--group-col", metavar="COLUMN", help="what must not be split: patient, speaker, site")
    group.add_argument("--time-col", metavar="COLUMN", help="times; the latest fifth is then held out")


def _add_inspect(verbs: Verbs[argparse.ArgumentParser]) -> None:
    parser = _verb(verbs, "inspect", "audit labelled data without fitting anything", "headstart inspect photos/")
    parser.add_argument("data", metavar="DATA", help=DATA)
    _add_reading(parser)


def _add_fit(verbs: Verbs[argparse.ArgumentParser]) -> None:
    example = "headstart fit reviews.csv --label sentiment --out runs/reviews"
    parser = _verb(verbs, "fit", "fit a model, judge it on unseen items and save it", example)
    parser.add_argument("data", metavar="DATA", help=DATA)
    parser.add_argument("--source", metavar="NAME", help="pretrained body (default: what comes with the install)")
    parser.add_argument("--head", metavar="NAME", default="auto", help="ridge, lda or auto (default: auto)")
    parser.add_argument(
        "--baselines", choices=["all", "fast", "none"], default="all",
        help="what to compare with; fast leaves out the untrained body (default: all)",
    )  # fmt: skip
    parser.add_argument("--out", metavar="DIR", help=OUT)
    parser.add_argument("--seed", type=_seed, default=0, help="for splits and resamples (default: 0)")
    parser.add_argument(
        "--time-limit", metavar="TIME", help="such as 90s or 10m; baselines that do not fit are left out"
    )
    _add_reading(parser)


def _add_predict(verbs: Verbs[argparse.ArgumentParser]) -> None:
    example = "headstart predict runs/photos new/*.jpg --out predictions.csv"
    parser = _verb(verbs, "predict", "predict labels with calibrated probabilities, or values", example)
    parser.add_argument("model", metavar="MODEL", help="run folder of a fit")
    parser.add_argument(
        "items", metavar="ITEM", nargs="+",
        help="files, folders or tables; texts as they are for a text model; - reads a line an item from standard input",
    )  # fmt: skip
    parser.add_argument("--out", metavar="FILE", help="write .csv, .jsonl or .parquet instead of a table on the screen")
    parser.add_argument("--item", metavar="COLUMN", help="column of texts or of paths in a table")


def _add_evaluate(verbs: Verbs[argparse.ArgumentParser]) -> None:
    example = "headstart evaluate runs/photos photos-of-may/"
    parser = _verb(verbs, "evaluate", "judge a saved model on labelled data", example)
    parser.add_argument("model", metavar="MODEL", help="run folder of a fit")
    parser.add_argument("data", metavar="DATA", help=DATA)
    parser.add_argument(
        "--split", choices=["train", "val", "test", "all"],
        help="which part of data that come with a split (default: test, else val)",
    )  # fmt: skip
    parser.add_argument("--seed", type=_seed, default=0, help="for resamples (default: 0)")
    _add_reading(parser)


def _add_embed(verbs: Verbs[argparse.ArgumentParser]) -> None:
    example = "headstart embed photos/ --source local:body.safetensors --out features.parquet"
    parser = _verb(verbs, "embed", "write the features that a source gives", example)
    parser.add_argument("data", metavar="DATA", help=DATA + "; labels are not needed")
    parser.add_argument("--source", metavar="NAME", help="pretrained body (default: what comes with the install)")
    parser.add_argument("--layers", choices=["last", "all"], default="last", help="last layer, or all blocks pooled")
    parser.add_argument("--out", metavar="FILE", required=True, help=".parquet, .csv, .npy or .safetensors")
    _add_reading(parser)


def _add_sources(verbs: Verbs[argparse.ArgumentParser]) -> None:
    parser = verbs.add_parser(
        "sources", help="list the pretrained bodies at hand, or show one", description="List or show sources.",
        epilog=f"example:\n  headstart sources list\n\n{EXIT_CODES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    text = "list what comes with the install and the schemes of other names"
    _verb(actions, "list", text, "headstart sources list --json")
    show = _verb(
        actions, "show", "show what is known about a source, without loading it", "headstart sources show vector"
    )
    show.add_argument("name", metavar="NAME", help="such as headstart:text, timm:resnet18.a1_in1k or local:PATH")


def _add_doctor(verbs: Verbs[argparse.ArgumentParser]) -> None:
    _verb(verbs, "doctor", "say what this machine and this install can do, and what is broken", "headstart doctor")


def _add_demo(verbs: Verbs[argparse.ArgumentParser]) -> None:
    parser = _verb(verbs, "demo", "run the main job offline on data that comes with the install", "headstart demo")
    parser.add_argument("--out", metavar="DIR", default="runs/demo", help="where to write (default: runs/demo)")
