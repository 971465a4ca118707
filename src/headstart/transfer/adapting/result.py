"""`Adaptation`: what `headstart.adapt` found, chose and made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from headstart.evaluate.evaluation import Evaluation
from headstart.model import TransferModel
from headstart.reporting.summary import summary_html, summary_text
from headstart.transfer.adapting.decision import AdaptationDecision
from headstart.transfer.drifting.result import Drift

__all__ = ["Adaptation"]


@dataclass(frozen=True, eq=False)
class Adaptation:
    """A model that was adapted to unlabelled items, or left as it is, with the reasons.

    Attributes:
        model: the adapted model, or the given one.
        drift: how the items differ from those of the fit.
        decision: what was chosen, and every candidate with its scores.
        unfitted: why a candidate could not be fitted, by its name.
        judged: metrics of each candidate on labelled items of the target; empty without such items.
        seconds: of all of it.

    Examples:
        >>> import numpy as np
        >>> from headstart import fit
        >>> from headstart.transfer.adapt import adapt
        >>> rng = np.random.default_rng(0)
        >>> rows = rng.normal(size=(260, 2)) + 4 * (np.arange(260) % 2)[:, None]
        >>> run = fit((rows[:130], np.arange(130) % 2 > 0), task="classification", baselines="none", verbose=False)
        >>> adapt(run, rows[130:]).chosen
        'none'
        >>> adapt(run, 3 * rows[130:] + 9).drift.verdict
        'covariate shift'
    """

    model: TransferModel
    drift: Drift
    decision: AdaptationDecision
    unfitted: Mapping[str, str] = field(default_factory=dict)
    judged: Mapping[str, Evaluation] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def chosen(self) -> str:
        """The method, or ``"none"``."""
        return self.decision.chosen

    @property
    def sentence(self) -> str:
        """What was chosen, why, and how many labels would do more."""
        more = (
            f" Labels of {self.drift.labels_to_collect} of the items usually gain more than any method without labels: "
            "'headstart suggest' names which, 'headstart update' adds them."
        )
        return self.decision.why + (more if self.drift.verdict != "none" else "")

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "chosen": self.chosen,
            "why": self.decision.why,
            "sentence": self.sentence,
            "candidates": [
                {
                    **asdict(one),
                    "z": {name: max(min(value, 1e6), -1e6) for name, value in one.z.items()},
                    **({"test": self.judged[one.name].to_dict()} if one.name in self.judged else {}),
                }
                for one in self.decision.candidates
            ],
            "unfitted": dict(self.unfitted),
            "labels_to_collect": self.drift.labels_to_collect,
            "drift": self.drift.to_dict(),
            "seconds": self.seconds,
        }

    def __repr__(self) -> str:
        """The choice and the candidates, a line for each."""
        return summary_text(*self._facts())

    def _repr_html_(self) -> str:
        """A small table for a notebook."""
        return summary_html(*self._facts())

    def _facts(self) -> tuple[str, Sequence[tuple[str, str]]]:
        rows = [("chosen", self.chosen), ("why", self.decision.why)]
        rows += [(one.name, one.refused or "chosen") for one in self.decision.candidates]
        return "Adaptation", rows
