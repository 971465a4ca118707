"""Records written by hand, one for each kind of task, in the form that a fit gives."""

from __future__ import annotations

import copy

import pytest


def metric(value, low=None, high=None):
    return {"value": value, "low": low, "high": high}


def gain(value, low, high, key, reference):
    fact = f"{key} is {abs(value):.3f} above the {reference} baseline (95% interval {low:.3f} to {high:.3f})"
    return {
        **metric(value, low, high),
        "metric": key,
        "reference": reference,
        "verdict": f"The transfer helped: {fact}.",
    }


def record(kind, labels, evaluation, **changes):
    unreadable = {"severity": "warning", "message": "6 items cannot be read.", "examples": ("x.jpg",)}
    balanced = {"severity": "info", "message": "The classes are balanced.", "examples": ()}
    return {
        "task": {"kind": kind, "labels": tuple(labels), "column": "label"},
        "source": {
            "name": "timm:resnet18.a1_in1k",
            "modality": "image",
            "num_features": 512,
            "architecture": "resnet18",
            "parameters": 11_689_512,
            "license": "apache-2.0",
            "revision": "abc123",
            "sha256": "f" * 64,
            "input": {"input_size": [3, 224, 224], "interpolation": "bicubic"},
        },
        "head": {
            "name": "ridge",
            "lambda": 0.125,
            "features": "all 5 blocks",
            "num_features": 1472,
            "left_out_loss": 0.2345,
            "compared": [
                {"features": "last layer", "head": "ridge", "lam": 0.5, "loss": 0.3456},
                {"features": "all 5 blocks", "head": "ridge", "lam": 0.125, "loss": 0.2345},
            ],
        },
        "evaluation": {"how": "the given test split", "task": kind, "confusion": None, "labels": labels} | evaluation,
        "baselines": {},
        "transfer_gain": None,
        "data": {
            "origin": "photos",
            "modality": "image",
            "items": 403,
            "used": 397,
            "sha256": "e" * 64,
            "notes": ["Labels are the names of the folders."],
            "audit": [unreadable, balanced],
            "set_aside": {"3": "truncated"},
        },
        "seconds": {"fit": 12.34, "encoding": 7.89},
        "items_per_second": 51.2,
        "encoding": {"backend": "openvino", "precision": "bf16", "encoded": 300, "from_store": 100, "notes": []},
        "seed": 0,
        "command": "headstart fit photos",
        "environment": {"python": "3.12.1", "numpy": "2.1.0"},
        **changes,
    }  # fmt: skip


def per_class(labels, value=0.9, support=50):
    scores = {key: metric(value, value - 0.1, value + 0.05) for key in ("precision", "recall", "f1")}
    return {label: {**scores, "support": support} for label in labels}


@pytest.fixture
def classification():
    """153 photos of ants and bees, with all three baselines."""
    evaluation = {
        "n": 153,
        "metrics": {
            "accuracy": metric(0.9346, 0.8837, 0.9642),
            "macro_f1": metric(0.9311, 0.88, 0.97),
            "ece": metric(0.0312, 0.02, 0.07),
        },
        "per_class": {
            "ant": {"precision": metric(0.95, 0.9, 1.0), "f1": metric(0.9412, 0.9, 0.98), "support": 70},
            "bee": {"precision": metric(0.92, 0.85, 0.97), "f1": metric(0.9211, 0.86, 0.96), "support": 83},
        },
        "confusion": [[66, 4], [6, 77]],
    }
    made = record("classification", ["ant", "bee"], evaluation)
    for name, value in (("majority", 0.5425), ("raw pixels", 0.6013), ("untrained body", 0.6732)):
        accuracy = metric(value, value - 0.08, value + 0.08)
        difference = gain(0.9346 - value, 0.15, 0.45, "accuracy", name)
        made["baselines"][name] = {"gain": difference, "n": 153, "metrics": {"accuracy": accuracy}}
    made["transfer_gain"] = made["baselines"]["untrained body"]["gain"]
    return made


@pytest.fixture
def multilabel():
    """Texts with topics; one of them is nowhere in the judged items."""
    labels = ["sport", "money", "art"]
    rows = per_class(labels) | {
        "art": {"precision": metric(None), "recall": metric(None), "f1": metric(float("nan")), "support": 0}
    }
    metrics = {"average_precision": metric(0.8123, 0.74, 0.88), "micro_f1": metric(0.7654, 0.7, 0.82)}
    made = record("multilabel", labels, {"n": 240, "metrics": metrics, "per_class": rows})
    made["data"] |= {"modality": "text", "origin": "topics.csv", "audit": [], "set_aside": {}}
    return made


@pytest.fixture
def regression():
    """Prices and sizes from rows of numbers, worse than their mean in one target."""
    targets = {
        "size": {"r2": metric(0.8123, 0.7, 0.9), "mae": metric(1.2345, 1.0, 1.5)},
        "price": {"r2": metric(-2.3456, -4.0, -1.0), "mae": metric(23456.7, 20000.0, 27000.0)},
    }
    metrics = {"r2": metric(-0.7667, -1.5, 0.1), "mae": metric(11728.97, 10000.0, 13000.0)}
    made = record("regression", ["size", "price"], {"n": 40, "metrics": metrics, "per_class": targets})
    made["data"] |= {"modality": "vector", "origin": "houses.csv"}
    made["source"] = {"name": "vector", "modality": "vector", "license": None, "input": {}}
    worse = {**gain(-1.2, -2.0, 0.1, "r2", "majority"), "verdict": "Whether the transfer helped is unclear."}
    made["baselines"] = {"majority": {"gain": worse, "metrics": {"r2": metric(-3.0, -5.0, -1.0)}}}
    return made


@pytest.fixture
def many_classes():
    """150 classes of three items each; class 007 is often taken for class 008."""
    labels = [f"class {i:03}" for i in range(150)]
    confusion = [[3 if i == j else 0 for j in range(150)] for i in range(150)]
    confusion[7][7], confusion[7][8] = 1, 2
    rows = per_class(labels, support=3)
    rows["class 007"]["f1"] = metric(0.5, 0.1, 0.8)
    metrics = {"accuracy": metric(0.9956, 0.98, 0.999)}
    evaluation = {"n": 450, "metrics": metrics, "per_class": rows, "confusion": confusion}
    return record("classification", labels, evaluation)


@pytest.fixture
def nothing_known(classification):
    """Every number is undefined, as nan and as the None that JSON holds."""
    made = copy.deepcopy(classification)
    nan = float("nan")
    made["evaluation"]["metrics"] = {"accuracy": metric(nan, nan, nan), "ece": metric(None)}
    for name, row in made["evaluation"]["per_class"].items():
        row["f1"], row["precision"] = metric(nan, nan, nan), metric(None if name == "ant" else nan)
    for baseline in made["baselines"].values():
        baseline["metrics"]["accuracy"] = metric(None)
        baseline["gain"] |= {**metric(nan, nan, nan), "verdict": "Whether the transfer helped is unclear."}
    made["evaluation"]["confusion"] = [[0, 0], [0, 0]]
    return made


@pytest.fixture(params=["classification", "multilabel", "regression", "many_classes", "nothing_known"])
def any_record(request):
    """Each of the records."""
    return request.getfixturevalue(request.param)


HOSTILE = "<script>alert('x')</script> | `rm` **b**\n## [a](https://evil.example)\x00\udcff"


@pytest.fixture
def hostile(classification):
    """Whatever comes from outside is an attack."""
    made = copy.deepcopy(classification)
    evaluation = made["evaluation"]
    made["task"]["labels"] = evaluation["labels"] = [HOSTILE, "bee"]
    evaluation["per_class"] = {HOSTILE if key == "ant" else key: row for key, row in evaluation["per_class"].items()}
    evaluation["how"] = made["command"] = made["data"]["origin"] = made["source"]["license"] = HOSTILE
    made["data"]["notes"] = [HOSTILE]
    made["data"]["audit"] = [{"severity": HOSTILE, "message": HOSTILE, "examples": (HOSTILE,)}]
    made["source"] |= {"name": HOSTILE, "architecture": HOSTILE, "input": {HOSTILE: HOSTILE}}
    made["baselines"] = {HOSTILE: {**made["baselines"]["majority"]}}
    made["head"]["features"] = made["head"]["compared"][0]["features"] = HOSTILE
    made["environment"] = {HOSTILE: HOSTILE}
    return made
