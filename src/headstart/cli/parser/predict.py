"""Options of ``headstart predict``."""

from __future__ import annotations

from headstart.cli.parser.base import Parser
from headstart.cli.parser.common import (
    EXIT_CODES,
    Verbs,
    add_common,
    add_encoding,
    add_out,
    add_overwrite,
    add_version,
    first_group,
    new_verb,
)

__all__ = ["add"]

CODES = (
    "On a terminal, standard output is a table and a summary; elsewhere it is one line per item: name, prediction\n"
    "and probability, separated by tabs. If an item cannot be read, it is reported and keeps its row with an empty\n"
    "prediction (and the reason in --out), the others are predicted, and the exit code is 1.\n\n" + EXIT_CODES
)


def add(verbs: Verbs[Parser]) -> None:
    """Add the command.

    Examples:
        >>> parser = Parser()
        >>> add(parser.add_subparsers())
        >>> parser.parse_args(["predict", "run", "a.png", "b.png"]).items
        ['a.png', 'b.png']
    """
    parser = new_verb(
        verbs, "predict", "predict labels with calibrated probabilities, or values", words="MODEL ITEM [ITEM ...]",
        example="headstart predict runs/photos new/*.jpg --out predictions.csv", codes=CODES,
    )  # fmt: skip
    parser.add_argument("model", metavar="MODEL", help="run folder of a fit")
    parser.add_argument(
        "items", metavar="ITEM", nargs="+",
        help="files, folders or tables; for a text model also literal texts; - reads one item per line from standard "
        "input",
    )  # fmt: skip
    group = first_group(parser)
    add_out(
        group, "FILE",
        "write .csv, .tsv, .xlsx, .jsonl or .parquet: one row per item, with the columns of its table and all "
        "probabilities; with --format the folder or file to write",
    )  # fmt: skip
    group.add_argument(
        "--format", metavar="NAME",
        help="for a model of spans, boxes or masks: write its answers into --out as annotation tools read them, with "
        "copies of the pictures: conll, spans, tokens; coco, pascal_voc, yolo, csv, label_studio; masks; or as in "
        "conll,scheme=BIOES, spans,form=doccano (prodigy, label_studio, spacy, pairs), masks,values=colours (classes, "
        "instances)",
    )  # fmt: skip
    add_overwrite(group, "with --format: replace earlier predictions in --out")
    group.add_argument("--item", metavar="COLUMN", help="column of texts or paths in a table")
    group.add_argument(
        "--priors", metavar="SHARES",
        help="class frequencies among these items: uniform, estimate (from the items themselves), or a JSON file of "
        "shares by label (default: as in the training data)",
    )  # fmt: skip
    group.add_argument(
        "--coverage", metavar="SHARE", type=float,
        help="also write a set of labels (column set) or an interval (columns low and high) that holds the right "
        "answer for this share of new items, such as 0.9",
    )  # fmt: skip
    group.add_argument("--per-class", action="store_true", help="the coverage holds for the items of each class")
    group.add_argument(
        "--max-error", metavar="SHARE", type=float,
        help="answer only where the left-out training items promise that at most this share of the answers is wrong, "
        "such as 0.02; the other answers stay empty",
    )  # fmt: skip
    group.add_argument(
        "--novel", action="store_true",
        help="also write the column novel (true or false): whether an item is unlike all training items; --coverage "
        "and --max-error write it too",
    )  # fmt: skip
    group.add_argument(
        "--false-alarm", metavar="SHARE", type=float,
        help="share of items like the training items that may be called novel, on average over draws of the training "
        "items (default 0.01)",
    )  # fmt: skip
    add_version(group)
    add_encoding(parser)
    add_common(parser)
