"""The words of ``headstart predict``."""

from __future__ import annotations

from headstart.cli.parser.base import Parser
from headstart.cli.parser.common import EXIT_CODES, Verbs, add_common, add_encoding, add_out, first_group, new_verb

__all__ = ["add"]

CODES = (
    "Standard output is a table and a summary on a terminal, and elsewhere a line an item: its name, the prediction\n"
    "and the probability, with tabs between. An item that cannot be read is reported, keeps its row with an empty\n"
    "answer (and the reason in --out), and makes the exit code 1; the others are predicted.\n\n" + EXIT_CODES
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
        help="files, folders or tables; texts as they are for a text model; - reads a line an item from standard input",
    )  # fmt: skip
    group = first_group(parser)
    add_out(
        group, "FILE",
        "write .csv, .tsv, .xlsx, .jsonl or .parquet: a row an item, with the columns of its table and all "
        "probabilities",
    )  # fmt: skip
    group.add_argument("--item", metavar="COLUMN", help="column of texts or of paths in a table")
    group.add_argument(
        "--priors", metavar="SHARES",
        help="how frequent the classes are among these items: uniform, estimate (from the items themselves), or a JSON "
        "file of shares by label (default: as in the training data)",
    )  # fmt: skip
    add_encoding(parser)
    add_common(parser)
