"""``headstart fit --zero-shot``: a classifier from the names of its classes, without labelled items."""

from __future__ import annotations

import argparse
import shlex

from headstart.cli.input.arguments import engine_of
from headstart.cli.output.console import json_text, reporter_of, write_line
from headstart.cli.output.runs import run_folder
from headstart.errors import UsageError

__all__ = ["run"]


def run(args: argparse.Namespace) -> int:
    """Make the model, save it, and end with the next commands.

    Examples:
        >>> from headstart.cli.main import main
        >>> main(["fit", "--zero-shot", "only-one", "--source", "toy"])     # the reason goes to standard error
        2
    """
    from headstart.transfer.zero_shot import zero_shot

    if args.data is not None:
        raise UsageError(
            "--zero-shot takes no DATA; leave one of the two out (a fit on data uses class names by --label-text)."
        )
    _refuse_others(args)
    source = args.source[0] if isinstance(args.source, list) and len(args.source) == 1 else args.source
    if isinstance(source, list):
        raise UsageError("--zero-shot takes one --source; name one.")
    labels = [label.strip() for label in args.zero_shot.split(",") if label.strip()]
    text = None if args.label_text in ("auto", "names") else args.label_text
    if text == "none":
        raise UsageError("--zero-shot has only the names of its classes; leave out '--label-text none'.")
    reporter = reporter_of(args)
    with run_folder(None, named=args.out, overwrite=args.overwrite, reporter=reporter, name="zero-shot") as out:
        model = zero_shot(labels, source=source, label_text=text, out=out, engine=engine_of(args), reporter=reporter)
    if args.json:
        facts = {"run": str(out), "labels": labels, "source": model.source.info.name, "examples": 0}
        write_line(json_text(facts))
        return 0
    reporter.line("saved", f"{out}; a fit on a few labelled items is usually more accurate")
    reporter.line("next", f"headstart predict {shlex.quote(str(out))} ITEM")
    return 0


# Options that act on items, which a zero-shot model has none of, each with its default, which means "not given".
NEED_ITEMS = {
    **dict.fromkeys(
        ("label", "item", "task", "group_col", "group_pattern", "time_col", "tasks", "class_weight", "source_data")
    ),
    **dict.fromkeys(("sources", "time_limit")),
    "head": "solved",
    "strategy": "frozen",
    "layers": "auto",
    "fusion": "auto",
    "baselines": "all",
    "drop_suspects": False,
    "int8": "auto",
    "report_items": 200,
}


def _refuse_others(args: argparse.Namespace) -> None:
    """Raise if an option that needs items was given."""
    given = [name for name, default in NEED_ITEMS.items() if getattr(args, name) not in (default, None)]
    if given:
        option = "--" + given[0].replace("_", "-")
        raise UsageError(f"--zero-shot has no items, so {option} has no effect; leave it out, or give DATA instead.")
