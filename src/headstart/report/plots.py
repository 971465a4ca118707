"""Plots of a fit or an evaluation for notebooks, ``run.plot``: the diagrams of the report on axes of matplotlib."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from headstart.errors import UsageError
from headstart.io.files import read_json
from headstart.params import check_choice
from headstart.report.content.tables import ClassRow, class_rows
from headstart.report.content.words import defined, metric_words
from headstart.report.figures.binary import draw_precision_recall, draw_roc
from headstart.report.figures.certainty import draw_reliability, draw_risk_coverage
from headstart.report.figures.confusion import draw_confusion
from headstart.report.figures.learning import draw_learning_curve
from headstart.report.figures.regression import draw_predicted, draw_residuals
from headstart.report.figures.rows import Row, draw_rows
from headstart.report.figures.transfer import draw_profile, draw_transfer_gain
from headstart.tasks import TASKS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Plots"]

_WHAT = {"classification": "Class", "multilabel": "Label", "regression": "Target"}
_MEASURES = {"accuracy": "accuracy", "label_accuracy": "share of labels that are right", "mae": "mean absolute error"}
_SHARES = ("precision", "recall", "f1", "accuracy", "label_accuracy")  # that lie between 0 and 1


@dataclass(frozen=True)
class Plots:
    """The plots of a record, each a method that draws on given axes or on new ones and returns the axes.

    All show what the record holds, which is what ``report.html`` shows too; nothing is computed anew. They need
    matplotlib: ``pip install 'headstart[plot]'``. Without ``ax``, a notebook shows the plot below its cell; elsewhere
    the figure belongs to the caller alone, ``ax.figure.savefig("plot.png")``, and pyplot does not know it.

    Attributes:
        record: the record of a fit or of an evaluation.

    Examples:
        >>> from headstart.report.content.example import EXAMPLE
        >>> plots = Plots(EXAMPLE)
        >>> plots
        Plots: confusion, transfer_gain, classes
        >>> plots.confusion().get_title()
        '2 of 12 items are classified wrongly'
        >>> plots.roc()
        Traceback (most recent call last):
        headstart.errors.UsageError: There is no ROC curve: ...
    """

    record: Mapping[str, Any] = field(repr=False)

    @classmethod
    def read(cls, folder: str | Path) -> Self:
        """The plots of a run folder, or of the folder of an evaluation.

        Args:
            folder: that holds ``metrics.json``.

        Raises:
            ModelFolderError: if there is none, or it cannot be read.

        Examples:
            >>> Plots.read("nowhere")
            Traceback (most recent call last):
            headstart.errors.ModelFolderError: 'nowhere/metrics.json' is missing; the folder is not complete.
        """
        return cls(read_json(Path(folder) / "metrics.json"))

    @property
    def available(self) -> tuple[str, ...]:
        """Names of the plots that this record has something for."""
        return tuple(self._available())

    def __repr__(self) -> str:
        """The names of the available plots."""
        return f"Plots: {', '.join(self.available) or 'none'}"

    def confusion(self, ax: Axes | None = None) -> Axes:
        """Items by true and predicted class, shaded by the share of the true class: blue where right, orange where not.

        Raises:
            UsageError: if the task is no classification.
        """
        counts = self.record["evaluation"].get("confusion")
        if counts is None:
            raise UsageError(f"There is no confusion matrix: the task is {self._kind}, not one class for each item.")
        return draw_confusion(counts, self.record["evaluation"]["labels"], ax)

    def classes(self, ax: Axes | None = None, *, metric: str | None = None) -> Axes:
        """A metric of each class, label or target with its 95% interval (Wilson's for classes), the worst first.

        Args:
            ax: axes to draw on; default: new ones.
            metric: ``"f1"``, ``"precision"`` or ``"recall"``; for a regression ``"r2"``, ``"mae"`` and others; default:
                F1 or R².

        Raises:
            ParameterError: for a metric that the record does not have.
            UsageError: if the record has no metrics of classes.
        """
        found = class_rows(self.record)
        if not _any_value(found):
            raise UsageError("There are no figures of classes: the record holds none that is defined.")
        if metric is not None:
            check_choice(metric, "metric", "plot.classes", list(found[0].metrics))
        key = metric or found[0].key
        rows = [
            Row(row.label, row.support, one.get("value"), one.get("low"), one.get("high"))
            for row in found
            for one in [row.metrics.get(key, {})]
        ]
        if metric is not None:
            worst = 1.0 if key in (*_SHARES, "r2", "spearman") else -1.0
            rows.sort(key=lambda row: (row.value is None, worst * (row.value or 0.0)))
        return draw_rows(rows, metric_words(key).name, ax, what=_WHAT[self._base], shares=key in _SHARES)

    def groups(self, ax: Axes | None = None) -> Axes:
        """The main figure of each group, such as each patient or site, with its 95% interval, the worst first.

        Raises:
            UsageError: if the data have no groups.
        """
        found = self.record.get("subgroups")
        if not found:
            raise UsageError("There are no figures of groups: name the column of groups (group_col) in the fit.")
        rows = [Row(row["group"], row["items"], row["value"], row.get("low"), row.get("high")) for row in found["rows"]]
        shares = found["measure"] in _SHARES
        return draw_rows(rows, _MEASURES[found["measure"]], ax, what="Group", shares=shares)

    def reliability(self, ax: Axes | None = None) -> Axes:
        """Share that is right against mean confidence, with 95% intervals; on the dashed line they agree.

        Raises:
            UsageError: if the task is a regression, or the record is older than these diagrams.
        """
        bins = self._diagram("reliability", "reliability diagram", ("classification", "multilabel"))
        return draw_reliability(bins, ax, "labels" if self._base == "multilabel" else "items")

    def risk_coverage(self, ax: Axes | None = None) -> Axes:
        """Mistakes among the most certain items, by the share of items that is answered, with 95% intervals.

        Raises:
            UsageError: if the task is no classification, or the record is older than these diagrams.
        """
        return draw_risk_coverage(self._diagram("risk_coverage", "risk-coverage curve", ("classification",)), ax)

    def roc(self, ax: Axes | None = None) -> Axes:
        """Sensitivity against the share of false alarms of two classes; the mark is the threshold 0.5.

        Raises:
            UsageError: unless there are two classes, both among the held-out items.
        """
        return draw_roc(self._binary("ROC curve"), ax)

    def precision_recall(self, ax: Axes | None = None) -> Axes:
        """Precision against sensitivity (recall) of two classes; the mark is the threshold 0.5.

        Raises:
            UsageError: unless there are two classes, both among the held-out items.
        """
        return draw_precision_recall(self._binary("precision-recall curve"), ax)

    def learning_curve(self, ax: Axes | None = None) -> Axes:
        """The main figure by number of labels, with 95% intervals, and the forecast for more labels (dashed).

        Raises:
            UsageError: if the fit measured none.
        """
        curve = self.record.get("learning_curve")
        if not curve:
            why = "only a fit measures one" if self._is_evaluation else "the fit had too few items, or too little time"
            raise UsageError(f"There is no learning curve: {why}.")
        return draw_learning_curve(curve, ax)

    def transfer_gain(self, ax: Axes | None = None) -> Axes:
        """The main metric of the model and of each baseline, with 95% intervals and the paired gain over each.

        Raises:
            UsageError: if no baseline was compared.
        """
        if not self.record.get("baselines"):
            why = (
                "an evaluation compares no baselines; the record of the fit has it"
                if self._is_evaluation
                else 'no baseline was compared; fit without baselines="none"'
            )
            raise UsageError(f"There is no transfer gain: {why}.")
        if not self._is_defined:
            raise UsageError("There is no transfer gain: the main metric of the model is undefined on these items.")
        return draw_transfer_gain(self.record, ax)

    def profile(self, ax: Axes | None = None) -> Axes:
        """The leave-one-out figure of each block of the body alone, first to last; the best one is marked.

        Raises:
            UsageError: if the record has none.
        """
        profile = self.record.get("profile")
        if not profile or len(profile["blocks"]) < 2:
            why = "only a fit measures one" if self._is_evaluation else "the source has no blocks that can be compared"
            raise UsageError(f"There is no transfer profile: {why}.")
        return draw_profile(profile, ax)

    def predicted(self, ax: Axes | None = None, *, target: str | None = None) -> Axes:
        """Predicted against true values of a target of a regression.

        Args:
            ax: axes to draw on; default: new ones.
            target: its name; default: the first.

        Raises:
            UsageError: if the task is no regression.
            ParameterError: for an unknown target.
        """
        return draw_predicted(self._target(target, "predicted"), ax)

    def residuals(self, ax: Axes | None = None, *, target: str | None = None) -> Axes:
        """Residuals (predicted minus true) against predictions of a target of a regression.

        Args:
            ax: axes to draw on; default: new ones.
            target: its name; default: the first.

        Raises:
            UsageError: if the task is no regression.
            ParameterError: for an unknown target.
        """
        return draw_residuals(self._target(target, "residuals"), ax)

    @property
    def _kind(self) -> str:
        return str(self.record["task"]["kind"])

    @property
    def _base(self) -> str:
        return TASKS[self._kind].base

    @property
    def _is_evaluation(self) -> bool:
        return "baselines" not in self.record

    @property
    def _is_defined(self) -> bool:
        """Whether the main metric is."""
        return defined(next(iter(self.record["evaluation"]["metrics"].values()))["value"])

    def _available(self) -> Iterator[str]:
        drawn = self.record.get("diagrams", {})
        rows = class_rows(self.record)
        profile = self.record.get("profile")
        there = {
            "confusion": self.record["evaluation"].get("confusion") is not None,
            "reliability": bool(drawn.get("reliability")),
            "risk_coverage": bool(drawn.get("risk_coverage")),
            "roc": bool(drawn.get("binary")),
            "precision_recall": bool(drawn.get("binary")),
            "predicted": bool(drawn.get("residuals")),
            "residuals": bool(drawn.get("residuals")),
            "learning_curve": bool(self.record.get("learning_curve")),
            "transfer_gain": bool(self.record.get("baselines")) and self._is_defined,
            "profile": profile is not None and len(profile["blocks"]) > 1,
            "classes": _any_value(rows),
            "groups": bool(self.record.get("subgroups")),
        }
        yield from (name for name, present in there.items() if present)

    def _diagram(self, key: str, name: str, kinds: tuple[str, ...]) -> Any:
        """A block of ``record["diagrams"]``."""
        if self._base not in kinds:
            raise UsageError(f"There is no {name}: the task is {self._kind}, not {' or '.join(kinds)}.")
        found = self.record.get("diagrams", {}).get(key)
        if not found:
            raise UsageError(f"There is no {name}: the record is older than these diagrams; fit or evaluate again.")
        return found

    def _binary(self, name: str) -> Mapping[str, Any]:
        labels = self.record["task"]["labels"]
        if self._base != "classification" or len(labels) != 2:
            raise UsageError(
                f"There is no {name}: it is for two classes, and the task is {self._kind} of {len(labels)}."
            )
        found: Mapping[str, Any] | None = self.record.get("diagrams", {}).get("binary")
        if not found:
            raise UsageError(f"There is no {name}: the held-out items are of one class, or the record is an older one.")
        return found

    def _target(self, target: str | None, plot: str) -> Mapping[str, Any]:
        found = self._diagram("residuals", "plot of values", ("regression",))
        names = [one["target"] for one in found]
        if target is not None:
            check_choice(target, "target", f"plot.{plot}", names)
        chosen: Mapping[str, Any] = found[0 if target is None else names.index(target)]
        return chosen


def _any_value(rows: Sequence[ClassRow]) -> bool:
    """Whether there is a figure to draw."""
    return any(row.value is not None for row in rows)
