"""Comparison of two or more fitted models on the same labelled items."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headstart.data import ReadOptions
from headstart.engine.options import Engine
from headstart.errors import ParameterError
from headstart.evaluate.comparison import MARGIN, PairedComparison, compare_outputs
from headstart.evaluate.formatting import metric_name
from headstart.evaluate.pairs.sentences import change_words, item_count, p_words, verdict_sentences
from headstart.model import TransferModel
from headstart.params import check_number
from headstart.report.size import report_words
from headstart.reporting import Reporter, chosen_reporter
from headstart.reporting.summary import summary_html, summary_text
from headstart.reporting.wording import plural
from headstart.transfer.comparing.folder import COMPARISON, write_comparison
from headstart.transfer.comparing.item_table import deciding_rows, item_table
from headstart.transfer.comparing.kept import KeptRun, kept_by_all, read_kept
from headstart.transfer.comparing.predictions import PredictedByAll, check_same_labels, predicted_by_all
from headstart.transfer.run import Run, open_model
from headstart.transfer.stages.absent_classes import absent_classes
from headstart.transfer.stages.context import Clock
from headstart.transfer.stages.gallery import REPORT_ITEMS
from headstart.transfer.stages.record import environment
from headstart.transfer.stages.training_items import content_digests, training_contents
from headstart.types import Modality, TaskKind

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ModelComparison", "compare"]

Comparable = TransferModel | Run | str | Path

MOST_MODELS = 20


@dataclass(frozen=True)
class ModelComparison:
    """Several models on the same labelled items.

    Attributes:
        comparison: differences, intervals and tests of all pairs of models, and all metrics of each.
        predicted: the outputs of all models for these items.
        warnings: what limits the comparison, in one sentence each.
        record: everything but the items, as plain JSON values, as in ``comparison.json`` and the report.
        report_items: how many items the report shows.

    Examples:
        >>> import numpy as np
        >>> rows = np.repeat([[0.0, 1.0], [1.0, 0.0]], 10, axis=0) + np.arange(40).reshape(20, 2) / 100
        >>> from headstart.transfer import fit
        >>> run = fit((rows, ["left"] * 10 + ["right"] * 10), baselines="none", verbose=False)
        >>> found = compare([run, run], (rows[5:15] + 0.001, ["left"] * 5 + ["right"] * 5), verbose=False)
        >>> found.verdict
        'vector and vector (2) give the same outputs for all 10 items: the difference is exactly zero.'
    """

    comparison: PairedComparison
    predicted: PredictedByAll = field(compare=False, repr=False)
    warnings: tuple[str, ...]
    record: Mapping[str, Any] = field(compare=False)
    report_items: int = REPORT_ITEMS

    @property
    def names(self) -> tuple[str, ...]:
        """The name of each model."""
        return self.comparison.names

    @property
    def verdict(self) -> str:
        """The result in a sentence or two."""
        return " ".join(_verdicts(self.comparison))

    @property
    def best(self) -> str:
        """The model with the best main metric, whether or not it can be told apart from the others."""
        return self.names[self.comparison.best]

    @property
    def tied(self) -> tuple[str, ...]:
        """The models that cannot be told apart from the best one, which is among them."""
        return tuple(self.names[k] for k in self.comparison.tied)

    @property
    def differences(self) -> pd.DataFrame:
        """One row per pair of models: the differences (second minus first) with intervals and p-values."""
        import pandas as pd

        return pd.DataFrame([_flat(pair, self.names) for pair in self.record["pairs"]])

    @property
    def classes(self) -> pd.DataFrame:
        """One row per pair of models and class: the difference of recall; for labels, of the share of right answers."""
        import pandas as pd

        rows = [
            {"first": self.names[pair.first], "second": self.names[pair.second], **vars(one)}
            for pair in self.comparison.pairs
            for one in pair.classes
        ]
        return pd.DataFrame(rows)

    @property
    def items(self) -> pd.DataFrame:
        """One row per item on which the models disagree, by size of the difference of the loss; largest first.

        Columns: id, label, and of each model ``predicted.NAME``, ``right.NAME`` (unless a regression) and
        ``loss.NAME``; ``loss_difference`` is second minus first for two models, else largest minus least.
        """
        rows = deciding_rows(self.comparison, self.predicted)
        return item_table(self.comparison, self.predicted, rows)

    def save(self, folder: str | Path, *, overwrite: bool = True) -> Path:
        """Write ``comparison.json``, ``items.csv`` and ``report.html``.

        Args:
            folder: a new or empty folder, or one that a comparison wrote.
            overwrite: whether an existing comparison is replaced.

        Returns:
            The folder.

        Raises:
            UsageError: if the folder holds anything else, or a comparison that must be kept.
            SaveError: if it cannot be written.
        """
        COMPARISON.check(Path(folder), overwrite=overwrite)
        write_comparison(Path(folder), self.record, self.items, (self.comparison, self.predicted), self.report_items)
        return Path(folder)

    def __repr__(self) -> str:
        """The verdict and the metrics, one per line."""
        return summary_text(*self._facts())

    def _repr_html_(self) -> str:
        """A small table for a notebook."""
        return summary_html(*self._facts())

    def _facts(self) -> tuple[str, list[tuple[str, str]]]:
        found = self.comparison
        facts = [(name, str(one.metrics[one.main])) for name, one in zip(found.names, found.evaluations, strict=True)]
        facts += [("verdict", sentence) for sentence in _verdicts(found)]
        facts += [("warning", text) for text in self.warnings]
        return f"ModelComparison: {metric_name(found.metric)} of {len(found.names)} models on {found.n:,} items", facts


def compare(
    models: Sequence[Comparable],
    data: Any = None,
    *,
    names: Sequence[str] | None = None,
    margin: float = MARGIN,
    split: str | None = None,
    label: str | Sequence[str] | None = None,
    item: str | Sequence[str] | None = None,
    task: TaskKind | None = None,
    modality: Modality | None = None,
    group_col: str | None = None,
    group_pattern: str | None = None,
    time_col: str | None = None,
    annotations: str | None = None,
    out: str | Path | None = None,
    overwrite: bool = True,
    seed: int = 0,
    engine: Engine | None = None,
    report_items: int = REPORT_ITEMS,
    verbose: bool = True,
    reporter: Reporter | None = None,
    command: str | None = None,
) -> ModelComparison:
    """Compare two or more models on the same labelled items: paired differences, intervals, and which items decide.

    All models predict the same items, which a body that several models share encodes once; an item that one model
    cannot read is left out for all. Without data, the predictions are compared that runs keep for their held-out items,
    if they split the same data in the same way. Every difference is a model given later minus one given before it: the
    first model is the baseline. Figures and tests are those of `headstart.evaluate.comparison`.

    Args:
        models: models, runs, or their folders; with the same labels.
        data: labelled data, as in `fit`; default: the items that all runs held out.
        names: of the models; default: those of their folders, else of their sources.
        margin: below which two models count as equivalent, in units of the main metric; default 0.01, one point.
        split: as in `headstart.transfer.evaluate.evaluate`.
        label: as in `fit`; default: the columns that each model was fitted on.
        item: as in `fit`; default: the columns that each model was fitted on.
        task: as in `fit`; default: that of the models.
        modality: as in `fit`.
        group_col: column of groups, which are resampled together.
        group_pattern: as in `fit`.
        time_col: column of times.
        annotations: format of annotations and its settings where they cannot be told from the files, such as
            ``"conll,scheme=BILOU"``; see `headstart.data.read`.
        out: folder for ``comparison.json``, ``items.csv`` and ``report.html``; default: none.
        overwrite: whether an existing comparison is replaced.
        seed: of the resamples; default 0.
        engine: how items are encoded; default: that of each model.
        report_items: as in `fit`.
        verbose: as in `fit`.
        reporter: as in `fit`.
        command: the command line, for the record.

    Returns:
        Differences, tests, the items on which the models disagree, and the warnings that apply.

    Raises:
        DataError: if the data cannot be used, or the models cannot be compared on them.
        ItemError: if no item can be read by all models.
        ParameterError: for fewer than 2 or more than 20 models, or an invalid option.
        UsageError: if ``out`` holds something other than a comparison, or one that must be kept.
        SaveError: if ``out`` cannot be written.

    Examples:
        >>> import numpy as np
        >>> rows = np.repeat([[0.0, 1.0], [1.0, 0.0]], 10, axis=0) + np.arange(40).reshape(20, 2) / 100
        >>> from headstart.transfer import fit
        >>> data = rows, ["left"] * 10 + ["right"] * 10
        >>> runs = [fit(data, heads=(head,), baselines="none", verbose=False) for head in ("ridge", "knn")]
        >>> compare(runs, names=["ridge", "knn"], verbose=False).verdict[:35]
        'knn cannot be told apart from ridge'
    """
    reading = ReadOptions.of(
        label=label, item=item, group_col=group_col, group_pattern=group_pattern, time_col=time_col, task=task,
        modality=modality, annotations=annotations,
    )  # fmt: skip
    reporter, clock = chosen_reporter(reporter, verbose=verbose), Clock.start()
    called = _names(models, names)
    check_number(margin, "margin", "compare", low=0, open_low=True)
    check_number(report_items, "report_items", "compare", low=0, integer=True)
    if out is not None:
        COMPARISON.check(Path(out), overwrite=overwrite, reporter=reporter)
    if data is None:
        predicted = kept_by_all([_kept(model) for model in models], called)
    else:
        predicted = _on_data(dict(zip(called, models, strict=True)), data, reading, split, (engine, reporter))
    with reporter.progress("comparing"):
        found = compare_outputs(
            predicted.task, predicted.y, predicted.outputs, called, groups=predicted.groups, margin=margin, seed=seed
        )
    warnings = _warnings(found, predicted)
    record = {
        **found.to_dict(),
        "verdict": _verdicts(found),
        "warnings": warnings,
        "where": [str(_place(model) or "") for model in models],
        "data": {
            "how": predicted.how, "items": found.n, "fitted_on": list(predicted.fitted_on),
            "notes": list(predicted.notes), "left_out": dict(predicted.failures or {}),
        },
        "seed": seed,
        "command": command,
        "seconds": clock.elapsed,
        "environment": environment(),
    }  # fmt: skip
    compared = ModelComparison(found, predicted, tuple(warnings), record, report_items)
    _report(compared, reporter)
    if out is not None:
        compared.save(out)
        reporter.line("saved", f"{out}; read {report_words(Path(out))}")
    return compared


def _names(models: Sequence[Comparable], names: Sequence[str] | None) -> list[str]:
    """A name for each model, all of them different."""
    if isinstance(models, str | Path | TransferModel | Run) or not 2 <= len(models) <= MOST_MODELS:
        given_count = "a single one" if isinstance(models, str | Path | TransferModel | Run) else str(len(models))
        raise ParameterError(f"Give from 2 to {MOST_MODELS} models to compare, as a list. Got {given_count} instead.")
    given = [_name(model) for model in models] if names is None else [str(name) for name in names]
    if len(given) != len(models):
        raise ParameterError(f"Give one name for each of the {len(models)} models. Got {len(given)} instead.")
    found: list[str] = []
    for name in given:
        numbered = (f"{name} ({number})" for number in count(2))
        found.append(name if name not in found else next(one for one in numbered if one not in found))
    return found


def _name(model: Comparable) -> str:
    place = _place(model)
    if place is not None:
        return place.name or str(place)
    held = model.model if isinstance(model, Run) else model
    return held.source.info.name if isinstance(held, TransferModel) else str(held)


def _place(model: Comparable) -> Path | None:
    """The folder of a model; None for one that is only in memory."""
    if isinstance(model, Run):
        return model.path
    return model.folder if isinstance(model, TransferModel) else Path(model)


def _kept(model: Comparable) -> KeptRun:
    if isinstance(model, Run) and model.tables is not None:
        return KeptRun.of(model.model.task, model.tables.splits, model.tables.predictions)
    place = _place(model)
    return read_kept(Path("a model without a folder") if place is None else place)


def _on_data(
    models: Mapping[str, Comparable], data: Any, reading: ReadOptions, split: str | None, how: tuple[Any, Reporter]
) -> PredictedByAll:
    engine, reporter = how
    opened = {name: open_model(model, engine) for name, model in models.items()}
    fitted = {name: model for name, (model, _) in opened.items()}
    check_same_labels([model.task for model in fitted.values()], list(fitted))
    predicted = predicted_by_all(fitted, data, reading, split, reporter)
    known = {name: training_contents(folder) for name, (_, folder) in opened.items()}
    if predicted.dataset is None or not any(known.values()):
        return predicted
    cache = all(model.engine.cache for model in fitted.values())
    contents = content_digests(predicted.dataset, reporter, cache=cache)
    return replace(predicted, fitted_on=tuple(sum(one in own for one in contents) for own in known.values()))


def _warnings(found: PairedComparison, predicted: PredictedByAll) -> list[str]:
    warnings = [
        f"{name} was fitted on {fitted:,} of the {item_count(found.n)}, which flatters it."
        for name, fitted in zip(found.names, predicted.fitted_on, strict=True)
        if fitted
    ]
    if predicted.failures:
        left = plural(
            len(predicted.failures), "item that a model could not read is", "items that a model could not read are"
        )
        warnings.append(f"{left} left out for all models.")
    if found.units < found.n:
        warnings.append(
            f"The {found.n:,} items form {plural(found.units, 'group')}, which are resampled and exchanged as a whole."
        )
    return warnings + absent_classes(predicted.task, predicted.y)


def _verdicts(found: PairedComparison) -> list[str]:
    return verdict_sentences(found.pairs, found.names, (found.metric, found.loss_name, found.n), found.best, found.tied)


def _report(compared: ModelComparison, reporter: Reporter) -> None:
    found = compared.comparison
    reporter.line("data", f"{item_count(found.n)}: {compared.predicted.how}")
    for name, one in zip(found.names, found.evaluations, strict=True):
        reporter.line(metric_name(found.metric), f"{one.metrics[one.main]} {name}")
    corrected = " (Holm)" if len(found.pairs) > 1 else ""
    for pair in found.pairs:
        change = change_words(found.metric, pair.main.value, pair.main.low, pair.main.high)
        names = f"{found.names[pair.second]} minus {found.names[pair.first]}"
        reporter.line("difference", f"{names}: {change}, {p_words(pair.main.p_holm)}{corrected}")
    for text in compared.warnings:
        reporter.warning(text)
    for sentence in _verdicts(found):
        reporter.result("verdict", sentence)


def _flat(pair: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    main, loss = pair["main"], pair["loss"]
    row: dict[str, Any] = {"first": names[pair["first"]], "second": names[pair["second"]]}
    row |= {"value": main["value"], "low": main["low"], "high": main["high"], "p": main["p"], "p_holm": main["p_holm"]}
    row |= {"simultaneous_low": pair["simultaneous"][0], "simultaneous_high": pair["simultaneous"][1]}
    row |= {"at_most": pair["at_most"], "equivalent": pair["equivalent"]}
    row |= {f"loss_{key}": loss[key] for key in ("value", "low", "high", "p", "p_holm")}
    row |= {"only_first": pair["only_first"], "only_second": pair["only_second"], "decided_by": pair["decided_by"]}
    return row | {"better": "" if pair["better"] is None else names[pair["better"]]}
