"""The solved head as a layer gives the solved head's calibrated outputs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from headstart.errors import ParameterError
from headstart.heads import HeadSearch, select_head
from headstart.heads.feature_map import FeatureMap
from headstart.tasks import task_methods
from headstart.tune.network.solved_head import TorchHead
from headstart.types import Task

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 6)).astype(np.float32) + np.float32(0.5)
TARGETS = X[:, :3] + 0.3 * RNG.normal(size=(60, 3))
LABELS = {
    "classification": (Task("classification", ("a", "b", "c")), TARGETS.argmax(axis=1)),
    "multilabel": (Task("multilabel", ("a", "b", "c")), (TARGETS > 0.5).astype(np.int64)),
    "regression": (Task("regression", ("u", "v", "w")), 100 + 30 * TARGETS),
}
MAPS = {
    "as they are": FeatureMap("all", ((0, 6),), "none"),
    "one block": FeatureMap("last", ((2, 6),), "unit_norm", width=6),
    "two blocks": FeatureMap("all 2 blocks", ((0, 2), (2, 6)), "unit_norm", scalings=("none", "unit_norm")),
    "standardised": FeatureMap("all", ((0, 6),), "none", X.mean(axis=0).astype(float), X.std(axis=0).astype(float)),
    "weighed": FeatureMap("all 2 blocks", ((0, 2), (2, 6)), "unit_norm", scale=np.linspace(0.5, 2, 6)),
    "columns": FeatureMap("some", ((0, 2), (2, 6)), "unit_norm", np.arange(3.0), np.array([0.5, 1, 2]),
                          columns=np.array([4, 0, 2])),
}  # fmt: skip


def solved(kind, feature_map="as they are", head="ridge"):
    """A head that is fitted on mapped rows, with its calibration, and its map."""
    task, y = LABELS[kind]
    chosen = MAPS[feature_map]
    found = select_head(np.asarray(chosen(X), np.float32), y, task, search=HeadSearch((head,), layers="last"))
    assert found.feature_map.scaling == "none"
    if found.feature_map.shift.size or found.feature_map.scale.size:  # back to the rows as they are
        shift, scale = found.feature_map.shift, found.feature_map.scale
        weight = found.weight / scale[:, None]
        found = replace(found, weight=weight, bias=found.bias - (shift @ weight if shift.size else 0.0))
    return task, y, replace(found, feature_map=chosen)


def outputs(task, logits):
    if task.kind == "classification":
        return torch.softmax(logits, dim=1)
    return torch.sigmoid(logits) if task.kind == "multilabel" else logits


@pytest.mark.parametrize("kind", LABELS)
@pytest.mark.parametrize("feature_map", MAPS)
def test_its_outputs_are_the_calibrated_ones(kind, feature_map):
    task, _, head = solved(kind, feature_map)
    wanted = task_methods(task).outputs(head.scores(X), head.calibration)
    found = outputs(task, TorchHead(head, task)(torch.from_numpy(X)).detach()).numpy()
    assert found == pytest.approx(wanted, abs=1e-5, rel=1e-5)


@pytest.mark.parametrize("head", ["lda", "logistic"])
def test_other_linear_heads_too(head):
    task, _, fitted = solved("classification", head=head)
    wanted = task_methods(task).outputs(fitted.scores(X), fitted.calibration)
    found = torch.softmax(TorchHead(fitted, task)(torch.from_numpy(X)), dim=1).detach().numpy()
    assert found == pytest.approx(wanted, abs=1e-5)


@pytest.mark.parametrize("kind", LABELS)
def test_the_head_that_it_gives_back_says_the_same(kind):
    task, y, head = solved(kind, "two blocks")
    options = {}
    if kind == "regression":
        options = {"centre": y.mean(axis=0), "spread": y.std(axis=0)}
    layer = TorchHead(head, task, **options)
    back = layer.fitted()
    before = task_methods(task).outputs(head.scores(X), head.calibration)
    assert task_methods(task).outputs(back.scores(X), back.calibration) == pytest.approx(before, rel=1e-5, abs=1e-5)
    if kind == "regression":  # in units of deviations from the mean
        units = (head.scores(X) - options["centre"]) / options["spread"]
        assert layer(torch.from_numpy(X)).detach().numpy() == pytest.approx(units, abs=1e-4)
    with torch.no_grad():
        layer.weight.mul_(2.0)
    moved = layer.fitted().scores(X)
    own = layer(torch.from_numpy(X)).detach().numpy() * options.get("spread", 1.0) + options.get("centre", 0.0)
    assert moved == pytest.approx(own, rel=1e-5, abs=1e-4)


def test_entries_are_dropped_in_training_alone_and_products_are_float32():
    task, _, head = solved("classification")
    layer = TorchHead(head, task, 0.5)
    rows = torch.from_numpy(X)
    assert not torch.equal(layer.train()(rows), layer(rows))
    still = layer.eval()(rows)
    assert torch.equal(still, layer(rows))
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(layer(rows), still)
    layer.reset()
    assert float(layer.bias.detach().abs().max()) == 0.0
    assert 0 < float(layer.weight.detach().abs().max()) < 0.1


def test_a_head_that_is_not_linear_is_refused():
    task, _, head = solved("classification")
    with pytest.raises(ParameterError, match="Training starts from a linear head"):
        TorchHead(select_head(X, LABELS["classification"][1], task, search=HeadSearch(("knn",))), task)
    assert head.linear


def test_a_column_that_is_constant_up_to_rounding_gives_no_infinite_gradient_and_stays_without_a_say():
    """MiniLM has such a column: standardised, its gradient ended every training in the first step."""
    rows = X.copy()
    rows[:, 4] = 1e-32 * RNG.normal(size=60)
    (task, y), exact = LABELS["classification"], rows.astype(float)
    features = FeatureMap("all", ((0, 6),), "none", exact.mean(axis=0), exact.std(axis=0))
    head = select_head(features(rows), y, task, search=HeadSearch(("ridge",)))
    layer = TorchHead(replace(head, feature_map=features), task)
    moved = torch.tensor(rows, requires_grad=True)
    layer(moved).square().sum().backward()
    assert torch.isfinite(moved.grad).all()
    assert float(moved.grad[:, 4].abs().max()) == 0
    other = rows.copy()
    other[:, 4] = 0.5  # a fine-tuned body gives other values
    kept = layer.fitted()
    np.testing.assert_allclose(kept.scores(other), kept.scores(rows), atol=1e-6)
    np.testing.assert_allclose(kept.scores(rows), layer(torch.tensor(rows)).detach().numpy(), atol=1e-4)
