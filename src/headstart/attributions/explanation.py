"""An explanation of one answer: what was answered, which label is explained, and an attribution for each method."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape
from typing import Any

from headstart.attributions.html import ATTRIBUTION_STYLE, shown_html
from headstart.attributions.kinds import Shown
from headstart.errors import UnknownNameError
from headstart.reporting.summary import summary_text
from headstart.reporting.text import one_line, probability
from headstart.types import Modality

__all__ = ["Attribution", "Explanation", "Novelty"]

ROUNDING = 1e-12  # a baseline of this share of the value is zero but for rounding
NAMED = 4  # parts in the printed line of an attribution


@dataclass(frozen=True, eq=False)
class Attribution:
    """What one method found.

    Attributes:
        method: its name in the registry.
        title: the method in words.
        shown: the attributions: to words, columns, layers, pixels, times and frequencies, or training items.
        quantity: what is attributed, in words, such as ``"the score of 'cat' above the mean of the other labels"``.
        unit: of the attributions, such as ``"score"``.
        value: the quantity for the item, f(x).
        baseline: the quantity for the baseline, f(x'); nan for a method without one.
        baseline_is: what the baseline is, in words; empty for none.
        completeness: |sum of the attributions - (f(x) - f(x'))|, in units of the quantity; nan where the method
            promises no sum.
        checks: further figures by name.
        notes: what a reader must know, a sentence each.
        seconds: time that it took.

    Examples:
        >>> from headstart.attributions.kinds import ColumnShare, ColumnShares
        >>> shown = ColumnShares((ColumnShare("age", "61", 0.4),))
        >>> found = Attribution("linear_attribution", "Shares", shown, "the value of 'risk'", "risk", 1.4, 1.0, "mean")
        >>> print(found.words())
        Attributions to the value of 'risk', which is 1.4 for this item and 1 for the baseline (mean).
    """

    method: str
    title: str
    shown: Shown
    quantity: str
    unit: str
    value: float
    baseline: float = math.nan
    baseline_is: str = ""
    completeness: float = math.nan
    checks: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    seconds: float = 0.0

    def __repr__(self) -> str:
        """The largest attributions, in one line."""
        parts = ", ".join(f"{name} {value:+.3g}" for name, value in self.shown.largest(NAMED))
        return f"Attribution({self.method}: {parts})"

    def _repr_html_(self) -> str:
        """The attributions for a notebook."""
        return f"<style>{ATTRIBUTION_STYLE}</style>{self.to_html()}"

    def to_html(self) -> str:
        """The attributions as a fragment of HTML, for a page with `ATTRIBUTION_STYLE`; every text is escaped.

        Examples:
            >>> from headstart.attributions.kinds import ColumnShare, ColumnShares
            >>> shown = ColumnShares((ColumnShare("<b>", "61", 0.4),))
            >>> "<b>" in Attribution("linear_attribution", "Shares", shown, "the value", "value", 1.4).to_html()
            False
        """
        notes = "".join(f"<li>{escape(one_line(note))}</li>" for note in self.notes)
        return (
            f'<section class="attribution"><h2>{escape(one_line(self.title))}</h2>{shown_html(self.shown, self.unit)}'
            f'<details class="how"><summary>How this was computed</summary><p>{escape(one_line(self.words()))}</p>'
            f"{f'<ul>{notes}</ul>' if notes else ''}</details></section>"
        )

    def words(self) -> str:
        """What the attributions add up to, in a sentence."""
        if self.unit == "cosine":
            said = "Each figure is a cosine, from -1 to 1, between the item and a training item"
        else:
            said = f"Attributions to {self.quantity}, which is {self.value:.4g} for this item"
        if math.isfinite(self.baseline):
            baseline = self.baseline if abs(self.baseline) > ROUNDING * abs(self.value) else 0.0
            said += f" and {baseline:.4g} for the baseline ({self.baseline_is})"
        if math.isfinite(self.completeness):
            said += f"; they sum to the difference to within {self.completeness:.1g}"
        checks = ", ".join(f"{name} {value:.3g}" for name, value in self.checks.items())
        return f"{said}. {f'Checks: {checks}.' if checks else ''}".strip()

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; figures that are not defined are None."""
        plain = {
            "method": self.method,
            "title": self.title,
            "quantity": self.quantity,
            "unit": self.unit,
            "value": _defined(self.value),
            "baseline": _defined(self.baseline),
            "baseline_is": self.baseline_is,
            "completeness": _defined(self.completeness),
            "checks": {name: _defined(value) for name, value in self.checks.items()},
            "notes": list(self.notes),
            "seconds": round(self.seconds, 3),
        }
        return plain | {"attributions": self.shown.to_dict()}


@dataclass(frozen=True)
class Novelty:
    """How unlike the training items the item is.

    Attributes:
        p_value: the share of training items that are as unlike the others as this item is unlike all of them; small
            for a novel item.
        is_novel: whether it is flagged, at the false-alarm rate of ``predict``; None where there are too few training
            items for that rate.
        sentence: what this means, in words.

    Examples:
        >>> Novelty(0.43, False, "Like the training items (p = 0.43).").to_dict()["novel"]
        False
    """

    p_value: float
    is_novel: bool | None
    sentence: str

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {"p_value": self.p_value, "novel": self.is_novel, "sentence": self.sentence}


@dataclass(frozen=True, eq=False)
class Explanation:
    """Why a model answered as it did.

    Attributes:
        item: the text, the path or the numbers of the item.
        modality: the kind of the item.
        model: the source and the head, in words.
        predicted: the answer.
        label: the label (or target) that is explained.
        against: the label that it is compared with; empty for the mean of all other labels.
        outputs: the largest probabilities by label, or the values by target.
        attributions: what each method found.
        picture: the item as a small picture (a data URI), if it has one and no map shows it; else empty.
        sound: the beginning of the item as a sound (a data URI), if it is one; else empty.
        notes: what was left out and why, a sentence each.
        novelty: how unlike the training items the item is; None for a model that cannot say.
        are_values: whether the outputs are values of a regression; otherwise they are probabilities.

    Examples:
        >>> from headstart.attributions.kinds import ColumnShare, ColumnShares
        >>> shown = ColumnShares((ColumnShare("age", "61", 0.4),))
        >>> one = Attribution("linear_attribution", "Shares", shown, "the value of 'risk'", "risk", 1.4, 1.0)
        >>> found = Explanation("61", "vector", "vector, ridge", "1", "risk", "", {"risk": 1.4}, (one,))
        >>> found["linear_attribution"].shown.values, found.methods
        (array([0.4]), ('linear_attribution',))
    """

    item: str
    modality: Modality
    model: str
    predicted: str
    label: str
    against: str
    outputs: Mapping[str, float]
    attributions: tuple[Attribution, ...]
    picture: str = field(default="", repr=False)
    notes: tuple[str, ...] = ()
    sound: str = field(default="", repr=False)
    novelty: Novelty | None = None
    are_values: bool = False

    @property
    def methods(self) -> tuple[str, ...]:
        """The names of the methods."""
        return tuple(one.method for one in self.attributions)

    def __getitem__(self, method: str) -> Attribution:
        """What a method found; `UnknownNameError` for a method that was not used."""
        for one in self.attributions:
            if one.method == method:
                return one
        raise UnknownNameError("method of this explanation", method, self.methods)

    @property
    def headline(self) -> str:
        """The answer and what is explained, in a sentence."""
        rest = f" rather than {self.against}" if self.against else ""
        if self.predicted == self.label:
            return f"Why {self.predicted}{rest}"
        return f"Answered {self.predicted}; what speaks for {self.label}{rest}"

    @property
    def question(self) -> str:
        """What is explained, for a reader who sees the answer already.

        Examples:
            >>> Explanation("", "text", "toy, ridge", "a", "b", "", {"a": 0.9, "b": 0.1}, ()).question
            'What speaks for b?'
        """
        rest = f" rather than {self.against}" if self.against else ""
        if self.predicted == self.label:
            return f"Why {self.predicted}{rest}?"
        return f"What speaks for {self.label}{rest}?"

    def shown_outputs(self) -> str:
        """The outputs in words; no probability is written as certain.

        Examples:
            >>> Explanation("", "text", "toy, ridge", "a", "a", "", {"a": 0.99999, "b": 1e-5}, ()).shown_outputs()
            'a >0.999, b <0.001'
        """
        shown = [f"{value:.4g}" if self.are_values else probability(value) for value in self.outputs.values()]
        return ", ".join(f"{label} {value}" for label, value in zip(self.outputs, shown, strict=True))

    def facts(self) -> list[tuple[str, str]]:
        """The item, the outputs, and the largest attributions of each method, in words.

        Examples:
            >>> outputs = {"risk": 1.4}
            >>> found = Explanation("61", "vector", "vector, ridge", "1.4", "risk", "", outputs, (), are_values=True)
            >>> found.facts()[1]
            ('outputs', 'risk 1.4')
        """
        lines = [("item", self.item), ("outputs", self.shown_outputs()), ("model", self.model)]
        lines += [] if self.novelty is None else [("novelty", self.novelty.sentence)]
        for one in self.attributions:
            parts = ", ".join(f"{name} {value:+.3g}" for name, value in one.shown.largest(NAMED))
            lines.append((one.method.replace("_", " "), parts))
        return [*lines, *(("note", note) for note in self.notes)]

    def __repr__(self) -> str:
        """The answer and the largest attributions of each method."""
        return summary_text(f"Explanation: {self.headline}", self.facts())

    def _repr_html_(self) -> str:
        """The attributions for a notebook."""
        style = f"<style>{ATTRIBUTION_STYLE}</style>"
        return f"{style}<p><strong>{escape(one_line(self.headline))}</strong></p>{self.to_html()}"

    def to_html(self) -> str:
        """The item and the attributions as a fragment of HTML, for a page with `ATTRIBUTION_STYLE`.

        Examples:
            >>> Explanation("<i>", "text", "toy, ridge", "a", "a", "", {"a": 0.7}, ()).to_html()[:30]
            '<p>Probabilities: a 0.700.</p>'
        """
        shown = f'<img class="thumb" alt="" src="{escape(self.picture)}">' if self.picture else ""
        player = f'<audio controls preload="metadata" src="{escape(self.sound)}"></audio>' if self.sound else ""
        notes = "".join(f'<p class="soft">{escape(one_line(note))}</p>' for note in self.notes)
        warned = self.novelty is not None and self.novelty.is_novel is not False
        novelty = "" if self.novelty is None else (
            f'<p class="{"novel" if warned else "soft"}">{escape(one_line(self.novelty.sentence))}</p>'
        )  # fmt: skip
        outputs = escape(one_line(self.shown_outputs()))
        what = "Values" if self.are_values else "Probabilities"
        several = len({one.method for one in self.attributions}) < len(self.attributions)  # one for each span
        label = "what the title of a part names" if several else self.label
        facts = (
            f"<p>{what}: {outputs}.</p>"
            f'<p class="soft">Model: {escape(one_line(self.model))}. Blue speaks for {escape(one_line(label))}, '
            "orange against it.</p>"
        )
        return f"{shown}{player}{facts}{novelty}{''.join(one.to_html() for one in self.attributions)}{notes}"

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "item": self.item,
            "modality": self.modality,
            "model": self.model,
            "predicted": self.predicted,
            "label": self.label,
            "against": self.against or None,
            "outputs": dict(self.outputs),
            "novelty": None if self.novelty is None else self.novelty.to_dict(),
            "attributions": [one.to_dict() for one in self.attributions],
            "notes": list(self.notes),
        }


def _defined(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
