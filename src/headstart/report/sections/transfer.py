"""What the transfer brought: the baselines, the transfer gain, the profile over layers, fine-tuning."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from headstart.report.content import facts
from headstart.report.content.strategy import candidate_rows, strategy_sentences, trial_rows
from headstart.report.content.tables import bars
from headstart.report.content.words import metric_words
from headstart.report.page.chart import FLOOR, bar_chart
from headstart.report.page.elements import PageSection, details, figure, grid, listing, note, paragraph, table, text
from headstart.report.page.profile import profile_plot, profile_table
from headstart.report.page.range_test import range_test_plot

__all__ = ["fine_tuning", "transfer"]

TRIALS = ("Trial", "Learning rate", "Weight decay", "Epochs", "Trained", "Validation loss", "Seconds", "End")
RANGE_TEST = "Range test: the loss of training batches (dashed) and its running mean while the learning rate grows."

Record = Mapping[str, Any]


def transfer(record: Record) -> PageSection:
    """The gain over the baselines, and which blocks of the body serve the task.

    Args:
        record: the facts of a fit; without ``baselines`` there is no section.

    Examples:
        >>> from headstart.report.content.example import EXAMPLE
        >>> "There is no pretrained body" in transfer(EXAMPLE).html
        True
    """
    if "baselines" not in record:
        return PageSection("transfer", "What the transfer brought", "")
    key, rows = next(iter(record["evaluation"]["metrics"])), list(bars(record))
    title = f"{metric_words(key).title} with 95% intervals"
    cut = any((metric["value"] or 0) < FLOOR for _, metric in rows)
    caption = f"{title}, the model and its baselines on the same items{'; bars are cut at -1' if cut else ''}."
    verdict = f'<p class="verdict"><strong>Transfer gain.</strong> {text(facts.gain_sentence(record))}</p>'
    sentences = facts.baseline_sentences(record)
    compared = details("Each baseline in words", listing(sentences)) if sentences else note("No baseline was compared.")
    plots = grid([figure(bar_chart(rows, title), caption), _profile(record)])
    return PageSection("transfer", "What the transfer brought", f"{verdict}\n{plots}\n{compared}", "transfer")


def _profile(record: Record) -> str:
    profile = record.get("profile")
    if not profile or len(profile["blocks"]) < 2:
        return ""
    caption = (
        "Transfer profile: each block of the body alone, judged by leave-one-out on training items. Early blocks see "
        "edges, colours or letters; late ones what the body was trained for. The best block is marked."
    )
    return figure(profile_plot(profile), caption, profile_table(profile))


def fine_tuning(record: Record) -> PageSection:
    """Whether the body was fine-tuned, and why.

    Args:
        record: the facts of a fit; without ``strategy`` there is no section.

    Examples:
        >>> fine_tuning({}).html
        ''
    """
    rows = candidate_rows(record)
    header = ("Candidate", "Validation loss", "Reduction from the frozen features [80% bounds]", "Kept")
    candidates = table("Candidates on held-out items", header, rows, numeric=(1, 2)) if rows else ""
    first, *others = strategy_sentences(record) or [""]
    tested = record.get("strategy", {}).get("range_test") if first else None
    plot = "" if not tested else figure(range_test_plot(tested), RANGE_TEST)
    trials = table("Settings that were tried", TRIALS, tried, numeric=range(7)) if (tried := trial_rows(record)) else ""
    said = f"{paragraph(first)}\n{listing(others)}\n{plot}\n{trials}\n{candidates}".strip() if first else ""
    return PageSection("fine-tuning", "Fine-tuning", said, "fine-tuning")
