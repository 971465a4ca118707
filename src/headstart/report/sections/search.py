"""How an architecture search went: its tries, the comparison with the default, and what follows from it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from headstart.report.content.words import number, one_line
from headstart.report.page.elements import PageSection, details, listing, paragraph, table

__all__ = ["architecture_search"]


def architecture_search(record: Mapping[str, Any]) -> PageSection:
    """The number of tries, the decision on the outer split, the lead that chance explains, and the best tries.

    Args:
        record: the facts of a fit; without ``search`` there is no section.

    Examples:
        >>> architecture_search({}).html
        ''
        >>> default = {"words": "ridge on last layer", "loss": 0.5}
        >>> block = {"method": "random", "tries": 1, "failed": 0, "seconds": 2.0, "ended": "all 1 tries were made",
        ...     "items": 80, "outer_split": "held out", "architectures": 9, "default": default, "decision": None,
        ...     "best": [{"try": 1, "loss": 0.4, "words": "all columns, knn"}], "findings": []}
        >>> "1 of 9 architectures was tried" in architecture_search({"search": block}).html
        True
    """
    block = record.get("search")
    if not block:
        return PageSection("search", "Architecture search", "", "search")
    tries, tuned = block["tries"], block.get("searched") == "tuning"
    what, were = "fine-tunings" if tuned else "architectures", "was" if tries == 1 else "were"
    said = (
        f"{tries:,} of {block['architectures']:,} {what} {were} tried by '{one_line(block['method'])}' on "
        f"{block['items']:,} items in {block['seconds']:.0f} s; {one_line(block['ended'])}."
    )
    decision = block["decision"]
    told = ("sentence", "caution", "lead_sentence")
    further = [] if decision is None else [one_line(decision[key]) for key in told if decision.get(key)]
    further += [one_line(finding) for finding in block["findings"]]
    default = block["default"]
    rows = [(str(one["try"]), one_line(one["words"]), number(one["loss"])) for one in block["best"]]
    rows.append(("default", one_line(default["words"]), number(default["loss"])))
    caption = (
        "Loss on the validation part of the items of the search (lower is better), of those trained to their end"
        if tuned
        else "Out-of-fold loss on the items of the search (lower is better), at the best λ of each architecture"
    )
    head = ("Try", "Fine-tuning" if tuned else "Architecture", "Loss")
    shown = details("The best tries", table(caption, head, rows, numeric=(2,)))
    return PageSection("search", "Architecture search", f"{paragraph(said)}\n{listing(further)}\n{shown}", "search")
