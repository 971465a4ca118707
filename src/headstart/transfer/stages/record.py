"""The record of a fit as plain JSON values, from which ``metrics.json``, the model card and the report are made."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np

from headstart.evaluate.diagrams import diagrams, subgroups
from headstart.transfer.stages.compare import Baseline
from headstart.transfer.stages.judge import Judged
from headstart.transfer.stages.prepare import Prepared, encoding_record

__all__ = ["environment", "make_record"]

PACKAGES = ("headstart", "numpy", "scipy", "scikit-learn", "torch", "timm", "transformers", "tokenizers", "pillow",
            "openvino")  # fmt: skip


def environment() -> dict[str, str]:
    """Versions of Python and of the packages that affect a result.

    Examples:
        >>> "numpy" in environment()
        True
    """
    found = {"python": platform.python_version(), "platform": f"{platform.system()} {platform.machine()}"}
    return found | {package: _version(package) for package in PACKAGES}


@cache
def _version(package: str) -> str:
    """The installed version; cached, because each lookup finds and parses a file."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def make_record(
    prepared: Prepared,
    judged: Judged,
    baselines: Sequence[Baseline],
    *,
    seconds: float,
    seed: int,
    command: str | None,
) -> dict[str, Any]:
    """The record of a fit.

    Args:
        prepared: data, audit and encoding.
        judged: model and metrics.
        baselines: the baselines that were evaluated.
        seconds: wall time of the fit so far.
        seed: of splits, choices and resamples.
        command: the command line; None if the fit was called from Python.

    Returns:
        A JSON-ready object with keys ``task``, ``source``, ``head``, ``evaluation``, ``baselines``,
        ``transfer_gain`` (None without an untrained body), ``diagrams``, ``subgroups`` (where there are groups),
        ``data``, ``seconds``, ``items_per_second``, ``encoding``, ``seed``, ``command``, ``when`` and
        ``environment``.

    Examples:
        >>> import headstart
        >>> rows = [[0.0], [0.1], [0.2], [2.0], [2.1], [2.2]] * 3
        >>> run = headstart.fit((rows, ["low", "low", "low", "high", "high", "high"] * 3))
        >>> sorted(run.record)[:4]
        ['baselines', 'certainty', 'command', 'data']
    """
    gains = {baseline.name: baseline.gain.to_dict() for baseline in baselines}
    return {
        "task": judged.model.task.to_dict(),
        "source": asdict(judged.model.source.info),
        "head": _head(judged),
        "evaluation": {
            "how": judged.plan.how,
            **judged.evaluation.to_dict(),
            "shift": None if judged.shift is None else judged.shift.to_dict(),
        },
        "baselines": {
            baseline.name: {"gain": gains[baseline.name], **baseline.evaluation.to_dict()} for baseline in baselines
        },
        "transfer_gain": gains.get("untrained body"),
        **_held_out(prepared, judged),
        "data": _data(prepared),
        "seconds": {"fit": seconds, "encoding": prepared.extraction.seconds},
        "items_per_second": prepared.extraction.items_per_second,
        "encoding": encoding_record(prepared.extraction),
        "seed": seed,
        "command": command,
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "environment": environment(),
    }


def _held_out(prepared: Prepared, judged: Judged) -> dict[str, Any]:
    """The diagrams of the held-out items, and the figures of each given group."""
    task, dataset, rows = judged.model.task, prepared.dataset, judged.plan.evaluated
    truth = dataset.labelled()[1][rows]
    by_group = None if dataset.groups is None else subgroups(task, truth, judged.outputs, dataset.groups[rows])
    found: dict[str, Any] = {"diagrams": diagrams(task, truth, judged.outputs)}
    return found if by_group is None else found | {"subgroups": by_group}


def _head(judged: Judged) -> dict[str, Any]:
    head = judged.model.head
    best: dict[str, dict[str, Any]] = {}
    for candidate in head.candidates:
        key = f"{candidate.head} on {candidate.features}"
        if key not in best or candidate.loss < (best[key]["loss"] or np.inf):
            best[key] = {name: _finite(value) for name, value in asdict(candidate).items()}
    return {
        "name": head.head,
        "lambda": _finite(head.lam),
        "features": head.feature_map.name,
        "num_features": head.feature_map.num_features,
        "left_out_loss": head.loss,
        "notes": list(head.notes),
        "compared": list(best.values()),
    }


def _finite(value: object) -> object:
    """None for nan and infinity, which JSON does not have."""
    return None if isinstance(value, float) and not np.isfinite(value) else value


def _data(prepared: Prepared) -> Mapping[str, Any]:
    dataset, checked = prepared.dataset, prepared.audit
    content = hashlib.sha256("\n".join(checked.content).encode()).hexdigest()
    return {
        "origin": dataset.origin,
        "modality": dataset.modality,
        "items": len(checked.keep),
        "used": len(dataset),
        "sha256": content,
        "notes": list(dataset.notes),
        "audit": [asdict(finding) for finding in checked.findings],
        "texts": [asdict(facts) for facts in checked.texts],
        "set_aside": list(prepared.extraction.failures.values()),
    }
