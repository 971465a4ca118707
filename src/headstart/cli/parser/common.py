"""Options that several commands share, and the list of exit codes below each help text."""

from __future__ import annotations

import argparse
import os

from headstart.cli.parser.base import Parser
from headstart.engine.options import BACKENDS
from headstart.tasks import TASKS
from headstart.types import ANNOTATION_KINDS

__all__ = [
    "DATA",
    "EXIT_CODES",
    "Group",
    "Verbs",
    "add_common",
    "add_config",
    "add_encoding",
    "add_judging",
    "add_label",
    "add_out",
    "add_overwrite",
    "add_reading",
    "add_report_items",
    "add_seed",
    "add_time_limit",
    "add_version",
    "count",
    "first_group",
    "new_verb",
]

# argparse has no public names for these types
Verbs = argparse._SubParsersAction
Group = argparse._ArgumentGroup

DATA = (
    "a folder per class, a folder with train/val/test, a table (CSV, TSV, JSONL, Parquet), or a tar or zip of these; "
    "or annotated items: words with tags (CoNLL, JSONL of spans), boxes (Pascal VOC, COCO, YOLO), pictures with masks"
)
NO_CACHE = "neither read nor write cached features; converted bodies are still cached"
EXIT_CODES = (
    "Exit codes: 0 done, 1 failed, 2 usage or bad input, 130 interrupted,\n"
    "141 output pipe closed early, 143 terminated."
)


def new_verb(
    verbs: Verbs[Parser], name: str, text: str, *, words: str = "", example: str, codes: str = EXIT_CODES
) -> Parser:
    """The parser of a command, without options; ``words`` are the positional arguments that its usage shows.

    Examples:
        >>> parser = Parser(prog="headstart")
        >>> verb = new_verb(parser.add_subparsers(), "fit", "fit a model", words="DATA", example="headstart fit a.csv")
        >>> verb.format_usage().strip()
        'usage: headstart fit DATA [options]'
    """
    usage = " ".join(filter(None, ("%(prog)s", words, "[options]")))
    return verbs.add_parser(
        name,
        help=text,
        usage=usage,
        description=text[0].upper() + text[1:] + ".",
        epilog=f"example:\n  {example}\n\n{codes}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        add_help=False,
    )


def first_group(parser: Parser) -> Group:
    """The group of options that a beginner needs; it comes first in the help.

    Examples:
        >>> first_group(Parser()).title
        'most used'
    """
    return parser.add_argument_group("most used")


def add_common(parser: Parser) -> None:
    """Options of every command; they come last in its help.

    Examples:
        >>> parser = Parser(add_help=False)
        >>> add_common(parser)
        >>> parser.parse_args(["--json"]).json
        True
    """
    group = parser.add_argument_group("general")
    group.add_argument(
        "--json", action="store_true", help="write one JSON object to standard output, and all messages to stderr"
    )
    group.add_argument(
        "-v", "--verbose", action="store_true", help="also show details, such as why a backend was chosen"
    )
    group.add_argument(
        "--offline", action="store_true", help="never contact a model hub; use only what is on this machine"
    )
    group.add_argument("-h", "--help", action="help", help="show this help and exit")


def add_config(parser: Parser) -> None:
    """``--config`` and ``--print-config``.

    Examples:
        >>> parser = Parser()
        >>> add_config(parser)
        >>> parser.parse_args(["--config", "fit.yaml"]).config
        'fit.yaml'
    """
    group = parser.add_argument_group("options from a file")
    group.add_argument(
        "--config", metavar="FILE",
        help="YAML file of options, by their names here; or a run folder, whose command is repeated with all its "
        "options but --out and --overwrite; the command line goes before both",
    )  # fmt: skip
    group.add_argument(
        "--print-config", action="store_true",
        help="print all options with the values that would be used, as a file for --config, and do nothing else",
    )  # fmt: skip


def add_label(group: Group) -> None:
    """``--label``.

    Examples:
        >>> parser = Parser()
        >>> add_label(first_group(parser))
        >>> parser.parse_args(["--label", "mood"]).label
        ['mood']
    """
    group.add_argument(
        "--label", metavar="COLUMN", action="append", help="label column; repeat the option for several columns"
    )


def add_out(group: Group, metavar: str, text: str, *, required: bool = False, default: str | None = None) -> None:
    """``--out`` and ``-o``.

    Examples:
        >>> parser = Parser()
        >>> add_out(first_group(parser), "FILE", "where to write")
        >>> parser.parse_args(["-o", "a.csv"]).out
        'a.csv'
    """
    group.add_argument("-o", "--out", metavar=metavar, required=required, default=default, help=text)


def add_overwrite(group: Group, text: str) -> None:
    """``--overwrite``.

    Examples:
        >>> parser = Parser()
        >>> add_overwrite(first_group(parser), "replace it")
        >>> parser.parse_args([]).overwrite
        False
    """
    group.add_argument("--overwrite", action="store_true", help=text)


def add_time_limit(group: Group, text: str) -> None:
    """``--time-limit``.

    Examples:
        >>> parser = Parser()
        >>> add_time_limit(first_group(parser), "such as 90s or 10m")
        >>> parser.parse_args(["--time-limit", "90s"]).time_limit
        '90s'
    """
    group.add_argument("--time-limit", metavar="TIME", help=text)


def add_version(group: Group | Parser) -> None:
    """``--version N``: a version of a run folder.

    Examples:
        >>> parser = Parser()
        >>> add_version(first_group(parser))
        >>> parser.parse_args(["--version", "2"]).version
        2
    """
    group.add_argument(
        "--version", type=count, metavar="N",
        help="version of the run folder, as 'headstart log' lists them (default: the one in force)",
    )  # fmt: skip


def add_report_items(group: Group) -> None:
    """``--report-items``.

    Examples:
        >>> parser = Parser()
        >>> add_report_items(first_group(parser))
        >>> parser.parse_args([]).report_items
        200
    """
    group.add_argument(
        "--report-items", type=_none_or_more, metavar="N", default=200,
        help="most items (thumbnails, texts, sounds) that report.html holds; 0 for none, such as for private data "
        "(default: 200)",
    )  # fmt: skip


def add_seed(group: Group | Parser, what: str) -> None:
    """``--seed``.

    Examples:
        >>> parser = Parser()
        >>> add_seed(parser, "splits")
        >>> parser.parse_args([]).seed
        0
    """
    group.add_argument("--seed", type=_seed, default=0, help=f"random seed for {what} (default: 0)")


def add_reading(parser: Parser, *, label: bool = True) -> None:
    """How to read data; ``label`` where ``--label`` is not among the most used options.

    Examples:
        >>> parser = Parser()
        >>> add_reading(parser)
        >>> parser.parse_args(["--group-col", "patient"]).group_col
        'patient'
    """
    group = parser.add_argument_group("how to read the data (inferred and reported where not given)")
    if label:
        add_label(group)
    group.add_argument(
        "--item", metavar="COLUMN",
        help="column of texts or paths; or several comma-separated columns that make one item (pictures, sounds, "
        "texts, numbers and categories), each followed by :KIND to state its kind instead of inferring it",
    )  # fmt: skip
    group.add_argument(
        "--task", choices=[*TASKS, *ANNOTATION_KINDS],
        help="kind of task; token, box and mask label words, objects and pixels",
    )  # fmt: skip
    group.add_argument(
        "--annotations", metavar="FORMAT",
        help="format of spans, boxes or masks, and what cannot be told from the files: conll,scheme=BILOU; "
        "masks,values=classes (default: recognised)",
    )  # fmt: skip
    group.add_argument("--modality", choices=["image", "text", "audio", "vector"], help="kind of item")
    group.add_argument(
        "--group-col", metavar="COLUMN", help="column of groups that a split keeps together: patient, speaker, site"
    )
    group.add_argument(
        "--group-pattern", metavar="REGEX",
        help="regular expression that captures the group from each item's name (its path below the folder) or value "
        "of --group-col: '_([a-z]+)_' captures the speaker of 7_jackson_32.wav",
    )  # fmt: skip
    group.add_argument(
        "--time-col", metavar="COLUMN", help="column of times; the latest fifth of the items is then held out"
    )


def add_encoding(parser: Parser, *, cluster: bool = False, int8: bool = False, batches: str = "") -> None:
    """How to encode items; ``cluster`` adds the options of Ray, ``int8`` that of the number format of a fit.

    ``batches`` says where else the batch size counts.

    Examples:
        >>> parser = Parser()
        >>> add_encoding(parser)
        >>> parser.parse_args(["--batch-size", "8"]).batch_size
        8
    """
    group = parser.add_argument_group("how to encode (chosen and reported where not given)")
    group.add_argument(
        "--backend", choices=["auto", *BACKENDS], default="auto",
        help="runtime of the body; torch means torch on the CPU (default: auto, the fastest on this machine)",
    )  # fmt: skip
    group.add_argument("--no-cache", action="store_true", help=NO_CACHE)
    group.add_argument("--batch-size", type=count, metavar="N", help=f"items per batch{batches}")
    if int8:
        group.add_argument(
            "--int8", choices=["auto", "always", "never"], default="auto",
            help="run an image body in int8: auto, if it is measured to be faster and the leave-one-out loss does not "
            "rise; the model keeps the format (default: auto)",
        )  # fmt: skip
    else:
        parser.set_defaults(int8="auto")
    if cluster:
        group.add_argument(
            "--ray", metavar="ADDRESS", nargs="?", const="auto", type=_address,
            help="encode on the Ray cluster at ADDRESS, such as --ray=10.0.0.5:6379; without ADDRESS (as the last "
            "argument or before another option), on the cluster that runs on this machine, or on a new one",
        )  # fmt: skip
        group.add_argument("--workers", type=count, metavar="N", help="Ray worker processes (default: one per CPU)")
    else:
        parser.set_defaults(ray=None, workers=None)  # `engine_of` reads them for every command that encodes


def add_judging(parser: Parser, files: str, *, done: str, seeded: str, config: bool = False) -> Group:
    """The options of a command that judges saved models on labelled data: what is read, encoded and written.

    Args:
        parser: of the command.
        files: what the folder of ``--out`` holds.
        done: what is done on the data, for the help of ``--split``.
        seeded: what the seed is for.
        config: whether its options may come from a file.

    Returns:
        The group of the most used options, for those that the command alone has.

    Examples:
        >>> parser = Parser(add_help=False)
        >>> add_judging(parser, "metrics.json", done="evaluate", seeded="bootstrap resamples").title
        'most used'
        >>> parser.parse_args(["--split", "val", "--seed", "3"]).split
        'val'
    """
    group = first_group(parser)
    add_label(group)
    add_out(group, "DIR", f"folder for {files} and report.html")
    group.add_argument(
        "--split", choices=["train", "val", "test", "all"],
        help=f"part to {done} on, if the data come with a split (default: test, else val)",
    )  # fmt: skip
    add_seed(group, seeded)
    add_report_items(group)
    add_reading(parser, label=False)
    add_encoding(parser)
    if config:
        add_config(parser)
    add_common(parser)
    return group


def count(text: str) -> int:
    """Parse a whole number of 1 or more.

    Examples:
        >>> count("8")
        8
    """
    if not text.isascii() or not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"it must be a whole number of 1 or more. Got '{text}' instead.")
    return int(text)


def _none_or_more(text: str) -> int:
    """Parse a whole number of 0 or more."""
    if not text.isascii() or not text.isdecimal():
        raise argparse.ArgumentTypeError(f"it must be a whole number of 0 or more. Got '{text}' instead.")
    return int(text)


def _seed(text: str) -> int:
    """Parse a seed in the range that NumPy, torch and Python all accept: 32 bits, unsigned."""
    if not text.isascii() or not text.isdecimal() or int(text) >= 2**32:
        raise argparse.ArgumentTypeError(f"a seed must be a whole number from 0 to {2**32 - 1}. Got '{text}' instead.")
    return int(text)


def _address(text: str) -> str:
    """Parse an address, and refuse a path: after a bare ``--ray``, argparse takes DATA for its value."""
    if text != "auto" and os.path.exists(text):  # noqa: PTH110 (it takes any text)
        raise argparse.ArgumentTypeError(
            f"'{text}' is a file or folder, not an address. Write --ray after it, or --ray=ADDRESS."
        )
    return text
