"""What an update or a removal did, in figures and sentences."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from headstart.evaluate.evaluation import Evaluation
from headstart.linear.mean_drift import MeanDrift
from headstart.model import AnnotationModel, TransferModel
from headstart.model.versions import Version
from headstart.reporting import Reporter
from headstart.reporting.summary import summary_html, summary_text
from headstart.reporting.wording import name_some, plural
from headstart.tasks import is_multilabel
from headstart.types import ANNOTATION_KINDS, Task

__all__ = ["Taught", "change_of", "report_change"]


@dataclass(frozen=True)
class Taught:
    """What an update or a removal did.

    Attributes:
        model: the new model.
        what: ``"update"`` or ``"forget"``.
        version: the version that was written; None for a model without a run folder.
        added: names of the items that were added.
        removed: names of the items that were removed; of relabelled items, too.
        relabelled: names of given items whose content got another label.
        new_labels: labels that the model did not have.
        duplicates: names of given items that are copies, and so were not counted again.
        contradictions: by name of a given item that was left out, the item of the same content and another label.
        failures: the reason for each item that could not be read, by its name.
        drift: how far the new items lie from those of the fit; None where it was not computed.
        before: metrics on the test data before; None without test data.
        after: metrics on the test data afterwards.
        chosen: whether λ and calibration were chosen anew; None where nothing changed.
        penalty: λ before and after; None for a head without one.
        seconds: wall time by step: ``read``, ``encode``, ``solve``, ``judge``, ``write``.
        notes: what else the reader should know, one sentence each.
        certificate: of a removal; None for an update.

    Examples:
        >>> from headstart.transfer.zero_shot import zero_shot
        >>> Taught(zero_shot(["parcel", "refund"], source="toy", verbose=False), "update", added=("0",)).sentence
        '1 item was added.'
    """

    model: TransferModel | AnnotationModel
    what: str
    version: Version | None = None
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    relabelled: tuple[str, ...] = ()
    new_labels: tuple[str, ...] = ()
    duplicates: tuple[str, ...] = ()
    contradictions: Mapping[str, str] = field(default_factory=dict)
    failures: Mapping[str, str] = field(default_factory=dict)
    drift: MeanDrift | None = None
    before: Evaluation | None = None
    after: Evaluation | None = None
    chosen: bool | None = None
    penalty: tuple[float, float] | None = None
    seconds: Mapping[str, float] = field(default_factory=dict, compare=False)
    notes: tuple[str, ...] = ()
    certificate: Mapping[str, Any] | None = None

    @property
    def changed(self) -> bool:
        """Whether the model is another one."""
        return bool(self.added or self.removed)

    @property
    def sentence(self) -> str:
        """What was done to the items."""
        done = []
        if self.added and (fresh := len(self.added) - len(self.relabelled)):
            done.append(f"{plural(fresh, 'item was', 'items were')} added")
        if self.relabelled:
            done.append(f"{plural(len(self.relabelled), 'item', 'items')} got another label")
        elif self.removed:
            done.append(f"{plural(len(self.removed), 'item was', 'items were')} removed")
        if self.new_labels:
            one, more = _kinds_of_labels(self.model.task)
            words = f"{one} is", f"{more} are"
            done.append(f"{plural(len(self.new_labels), *words)} new")
        return ("; ".join(done) or "Nothing changed") + "."

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "what": self.what,
            "version": None if self.version is None else self.version.number,
            "digest": None if self.version is None else self.version.digest,
            "added": len(self.added),
            "removed": len(self.removed),
            "relabelled": list(self.relabelled),
            "new_labels": list(self.new_labels),
            "duplicates": list(self.duplicates),
            "contradictions": dict(self.contradictions),
            "failures": dict(self.failures),
            "drift": None if self.drift is None else {**asdict(self.drift), "differs": self.drift.differs},
            "before": None if self.before is None else self.before.to_dict(),
            "after": None if self.after is None else self.after.to_dict(),
            "chosen_anew": self.chosen,
            "penalty": None if self.penalty is None else list(self.penalty),
            "seconds": dict(self.seconds),
            "notes": list(self.notes),
            "certificate": None if self.certificate is None else dict(self.certificate),
        }

    def noted(self, command: str | None, seconds: Mapping[str, float]) -> dict[str, Any]:
        """What the description of a version keeps of an update.

        Args:
            command: the command line.
            seconds: wall time by step.
        """
        plain = self.to_dict()
        names = ("what", "added", "relabelled", "new_labels", "drift", "chosen_anew", "penalty", "notes")
        return {
            **{name: plain[name] for name in names},
            "metrics": None if plain["after"] is None else plain["after"]["metrics"],
            "seconds": dict(seconds),
            "command": command,
        }

    def __repr__(self) -> str:
        """What was done, one fact per line."""
        return summary_text(*self._facts())

    def _repr_html_(self) -> str:
        """A small table for a notebook."""
        return summary_html(*self._facts())

    def _facts(self) -> tuple[str, list[tuple[str, str]]]:
        facts = [] if self.version is None else [("version", str(self.version.number))]
        if self.before is not None and self.after is not None:
            facts.append((self.after.main.replace("_", " "), change_of(self.before, self.after)))
        if self.drift is not None:
            facts.append(("drift", self.drift.sentence))
        return f"{self.what.capitalize()}: {self.sentence}", facts + [("note", note) for note in self.notes]


def _kinds_of_labels(task: Task) -> tuple[str, str]:
    """What a label of a task is called, one and several."""
    if task.kind in ANNOTATION_KINDS:
        return ("type", "types")
    return ("label", "labels") if is_multilabel(task) else ("class", "classes")


def change_of(before: Evaluation, after: Evaluation) -> str:
    """The main metric before and after.

    Args:
        before: on the test data, of the model before.
        after: on the same data.

    Examples:
        >>> import numpy as np
        >>> from headstart.evaluate.evaluation import evaluate_predictions
        >>> from headstart.types import Task
        >>> found = evaluate_predictions(Task("classification", ("a", "b")), np.array([0, 1]), np.eye(2))
        >>> change_of(found, found)
        '1.000 -> 1.000 on 2 items'
    """
    name = after.main
    return f"{before.metrics[name].value:.3f} -> {after.metrics[name].value:.3f} on {plural(after.n, 'item', 'items')}"


def report_change(found: Taught, reporter: Reporter) -> None:
    """Report what changed: λ, the metric on test data, notes, times and the version.

    Args:
        found: the outcome.
        reporter: receives the lines.

    Examples:
        >>> from headstart.reporting import SilentReporter
        >>> from headstart.transfer.zero_shot import zero_shot
        >>> made = Taught(zero_shot(["parcel", "refund"], source="toy", verbose=False), "update", added=("0",))
        >>> report_change(made, SilentReporter())
    """
    if found.new_labels:
        reporter.line(f"new {_kinds_of_labels(found.model.task)[1]}", name_some(found.new_labels))
    if found.penalty is not None and found.changed:
        how = "chosen anew" if found.chosen else "kept"
        reporter.line("penalty", f"{found.penalty[1]:.4g} ({how}; before {found.penalty[0]:.4g})")
    if found.before is not None and found.after is not None:
        reporter.result(found.after.main.replace("_", " "), change_of(found.before, found.after))
    for note in found.notes:
        reporter.line("note", note)
    reporter.line("time", ", ".join(f"{step} {seconds:.2f} s" for step, seconds in found.seconds.items()))
    if found.version is not None:
        purged = bool(found.certificate and found.certificate["purged"])
        back = "" if purged else "; 'headstart rollback RUN' goes back"
        reporter.line("version", f"{found.version.number}, in force{back}")
