"""The record of a fit of annotated items, with the keys that reports and commands read."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from headstart.evaluate.gain import UNTRAINED
from headstart.tasks.annotations import ANNOTATION_TASKS
from headstart.transfer.annotating.contract import ANNOTATING
from headstart.transfer.annotating.fit import FittedAnnotations
from headstart.transfer.stages.record import environment

__all__ = ["annotation_record"]

MOST_EXAMPLES = 24  # of a report: what a reader looks through


def annotation_record(
    fitted: FittedAnnotations, *, seconds: float, seed: int, command: str | None, report_items: int
) -> dict[str, Any]:
    """All facts of a fit as plain JSON values, with the keys of `headstart.transfer.stages.record.make_record`.

    Args:
        fitted: the result of the fit.
        seconds: wall time so far.
        seed: of splits, choices and resamples.
        command: the command line; None if the fit was called from Python.
        report_items: the largest number of items that the report shows.

    Examples:
        >>> from headstart import fit
        >>> from headstart.cli.demonstration.annotations import made_sentences
        >>> record = fit(made_sentences(5), source="toy", baselines="none", verbose=False).record
        >>> record["head"]["left_out_metric"], record["data"]["used"]
        ('span_f1', 5)
    """
    task, judged, used = fitted.model.task, fitted.judged, fitted.dataset
    about, truth = ANNOTATION_TASKS[task.kind], used.take(fitted.plan.evaluated)
    gains = {one.name: one.gain.to_dict() for one in fitted.baselines}
    shown = min(report_items, MOST_EXAMPLES)
    examples = ANNOTATING[task.kind].examples(truth, judged.found, shown) if shown else []
    record: dict[str, Any] = {
        "task": task.to_dict(),
        "source": asdict(fitted.model.source.info),
        "head": {
            "name": judged.final.name,
            "left_out_metric": about.main_metric,
            "left_out": judged.final.left_out,
            "compared": [],
            "notes": list(judged.notes),
            **judged.final.record,
        },
        "evaluation": {"how": fitted.plan.how, **judged.evaluation.to_dict(), "shift": None},
        "baselines": {one.name: {"gain": gains[one.name], **one.evaluation.to_dict()} for one in fitted.baselines},
        "transfer_gain": gains.get(UNTRAINED),
        "annotations": {"examples": list(examples)},
        "data": _data(fitted),
        "seconds": {"fit": seconds, **fitted.seconds},
        "encoding": {},
        "seed": seed,
        "command": command,
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "environment": environment(),
    }
    return record | ({"fine_tuning": dict(judged.decision)} if judged.decision else {})


def _data(fitted: FittedAnnotations) -> Mapping[str, Any]:
    used, checked = fitted.dataset, fitted.audit
    return {
        "origin": used.origin,
        "modality": used.modality,
        "items": len(checked.keep),
        "used": len(used),
        "sha256": hashlib.sha256("\n".join(checked.content).encode()).hexdigest(),
        "notes": list(used.notes),
        "audit": [asdict(finding) for finding in checked.findings],
        "texts": [],
        "set_aside": [],
    }
