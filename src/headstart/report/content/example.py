"""A small hand-written record with the structure of a real one, for the docstring examples of this package."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["CURVE", "EVALUATION", "EXAMPLE"]


def _metric(value: float, low: float, high: float) -> dict[str, float]:
    return {"value": value, "low": low, "high": high}


EXAMPLE: Mapping[str, Any] = {
    "task": {"kind": "classification", "labels": ["no", "yes"], "column": "answer"},
    "source": {"name": "vector", "modality": "vector", "num_features": None, "license": None, "input": {}},
    "head": {
        "name": "ridge",
        "lambda": 0.1,
        "features": "rows",
        "num_features": 2,
        "left_out_loss": 0.41,
        "compared": [
            {"features": "rows", "head": "lda", "lam": 0.3, "loss": 0.47},
            {"features": "rows", "head": "ridge", "lam": 0.1, "loss": 0.41},
        ],
    },
    "evaluation": {
        "how": "10-fold cross-validation with the choice made inside each fold",
        "task": "classification",
        "n": 12,
        "metrics": {"accuracy": _metric(0.833, 0.552, 0.953), "log_loss": _metric(0.43, 0.2, 0.7)},
        "per_class": {
            "no": {"f1": _metric(0.8, 0.4, 1.0), "support": 6},
            "yes": {"f1": _metric(0.857, 0.5, 1.0), "support": 6},
        },
        "confusion": [[4, 2], [0, 6]],
        "labels": ["no", "yes"],
    },
    "baselines": {
        "majority": {
            "gain": {
                **_metric(0.333, 0.083, 0.583),
                "metric": "accuracy",
                "reference": "majority",
                "verdict": "The transfer helped: accuracy is 0.333 above the majority baseline "
                "(95% interval 0.083 to 0.583).",
            },
            "metrics": {"accuracy": _metric(0.5, 0.254, 0.746)},
        },
    },
    "transfer_gain": None,
    "data": {
        "origin": "answers.csv",
        "modality": "vector",
        "items": 12,
        "used": 12,
        "sha256": "0" * 64,
        "notes": ["The label column is 'answer'."],
        "audit": [],
        "set_aside": {},
    },
    "seconds": {"fit": 0.5, "encoding": 0.0},
    "items_per_second": 1000.0,
    "encoding": {"backend": None, "precision": None, "encoded": 12, "from_store": 0, "notes": []},
    "seed": 0,
    "command": "headstart fit answers.csv",
    "environment": {"python": "3.11.9", "platform": "Linux x86_64", "headstart": "0.1.0"},
}
"""A yes-or-no classification of rows of two numbers, evaluated by cross-validation on twelve rows."""

EVALUATION: Mapping[str, Any] = {
    **{key: EXAMPLE[key] for key in ("task", "source", "seconds", "encoding", "seed", "environment")},
    "evaluation": {**EXAMPLE["evaluation"], "how": "labelled data given to the model"},
    "data": {**EXAMPLE["data"], "origin": "may.csv", "sha256": None},
    "model": "runs/answers",
    "part": "all of it",
    "fitted_on": 3,
    "shift": None,
    "warnings": ["This model was fitted on 3 of the 12 items, so these metrics are too good."],
    "command": "headstart evaluate runs/answers may.csv --out may",
}
"""The same model, evaluated on other rows."""

CURVE: Mapping[str, Any] = {
    "measure": "accuracy",
    "head": "ridge",
    "labels": 100,
    "judged": 200,
    "sizes": [25.0, 50.0, 100.0],
    "errors": [0.3, 0.25, 0.2],
    "low": [0.24, 0.2, 0.15],
    "high": [0.36, 0.3, 0.25],
    "draws": [8, 8, 1],
    "law": {"floor": 0.1, "scale": 1.0, "exponent": 0.5},
    "forecasts": [{"more": 200, "error": 0.2, "gain": 0.02, "low": -0.01, "high": 0.05}],
    "per_class": {},
    "sentence": "200 more labels would bring +2.0 ± 3.0 points (accuracy .800 → .820).",
}
"""A learning curve with three points, as in ``record["learning_curve"]``."""
