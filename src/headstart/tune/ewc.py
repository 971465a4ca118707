"""Elastic weight consolidation: a quadratic penalty on changes of the weights that the source task needs.

Reference: Kirkpatrick et al. 2017, "Overcoming catastrophic forgetting in neural networks":
L + λ/2 Σ_j F_j (w_j - w⁰_j)², where F is the diagonal of the Fisher information of the source task's log-likelihood at
the weights w⁰ before.

Command: headstart fit DATA --strategy ewc --source-data DATA

Transfers: parameters.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from headstart.engine.options import Engine
from headstart.heads import HeadSearch
from headstart.params import check_number
from headstart.tasks import is_classification, is_multilabel
from headstart.tune.moving.contract import check_replayed
from headstart.tune.moving.move import fit_moved, make_setting, solved_start
from headstart.tune.moving.plan import Plan, Setting, body_groups, head_group
from headstart.tune.network.body_and_head import Network
from headstart.tune.structure.source_task import SourceTask, remove_source_head, source_task
from headstart.tune.training.batches import Batch
from headstart.tune.training.device import best_device, to_device
from headstart.tune.training.settings import Budget, Training
from headstart.types import Dataset, Source, Task

__all__ = ["EWC", "ElasticWeightConsolidation", "diagonal_fisher", "fisher_of", "output_factors"]

Importance = Mapping[str, Tensor]
"""F_j of each of the body's parameters, by its name in the network."""


def output_factors(task: Task, logits: Tensor) -> Tensor:
    """Rows v_c (c, k) with Σ_c v_c v_cᵀ the Fisher information of the outputs of one item.

    For classes v_c = √p_c ∇_z log p_c = √p_c (e_c - p), one row per class; for independent labels √(p (1 - p)) e_c; for
    values of variance 1, e_c.

    Args:
        task: the label schema.
        logits: (k,) logits z, or standardised values of a regression.

    Examples:
        >>> rows = output_factors(Task("classification", ("a", "b")), torch.zeros(2))
        >>> rows.T @ rows     # diag(p) - p pᵀ, for p = (1/2, 1/2)
        tensor([[ 0.2500, -0.2500],
                [-0.2500,  0.2500]])
    """
    unit = torch.eye(len(logits), dtype=logits.dtype, device=logits.device)
    if is_classification(task):
        p = logits.softmax(dim=0)
        return p.sqrt()[:, None] * (unit - p)
    if is_multilabel(task):
        p = logits.sigmoid()
        return (p * (1 - p)).sqrt()[:, None] * unit
    return unit


def diagonal_fisher(
    task: Task,
    logits: Callable[[Any], Tensor],
    parameters: Mapping[str, Tensor],
    inputs: Sequence[Any],
) -> dict[str, Tensor]:
    """The diagonal of the Fisher information: F_j = 1/n Σ_i Σ_c p_c(x_i) (∂ log p_c(x_i) / ∂w_j)².

    The expectation over the classes is exact, and gradients are those of single items: the square of a batch's mean
    gradient would be another, much smaller quantity. It takes n forward passes and n times k backward passes.

    Args:
        task: the label schema of the logits.
        logits: a function of the inputs of one item that returns (1, k).
        parameters: the tensors w, by name; those that the logits do not depend on get 0.
        inputs: n times the inputs of one item.

    Returns:
        F by name, of the shapes and types of ``parameters``.

    Examples:
        >>> w = torch.tensor([[1.0, -1.0]], requires_grad=True)      # the logits of x are x w
        >>> found = diagonal_fisher(Task("classification", ("a", "b")), lambda x: x @ w, {"w": w}, [torch.zeros(1, 1)])
        >>> found["w"].tolist()     # an item of zeros says nothing about w
        [[0.0, 0.0]]
    """
    names = [name for name, value in parameters.items() if value.requires_grad]
    values = [parameters[name] for name in names]
    fisher = {name: torch.zeros_like(value) for name, value in parameters.items()}
    with torch.enable_grad():
        for one in inputs:
            outputs = logits(one)[0]
            for row in output_factors(task, outputs.detach()):
                slopes = torch.autograd.grad(outputs, values, row, retain_graph=True, allow_unused=True)
                for name, slope in zip(names, slopes, strict=True):
                    if slope is not None:
                        fisher[name] += slope**2
    return {name: value / max(len(inputs), 1) for name, value in fisher.items()}


@dataclass(frozen=True)
class ElasticWeightConsolidation:
    """Fine-tuning with a penalty on changes of those weights of the body that the source task's predictions need.

    The source items serve to compute F only, from the body's own source head if that has their classes, and otherwise
    from a head that is solved on their frozen features (`headstart.tune.structure.source_task`). Neither head is
    trained.

    Attributes:
        training: the training settings.
        source_data: labelled items of the source task, of the target's modality.
        weight: λ, 1. It has the meaning of the λ of ``joint``: with it, the penalty is the second-order expansion of
            λ L_source around w⁰ with its curvature's diagonal, both losses being means over items, so 1 counts both
            tasks alike. Without the source items at hand, larger values keep more and learn less; published searches
            end anywhere between 1 and 10⁴.
        most: source items from which F is computed, drawn at random; 100. Each costs a backward pass for each class.
        importance: F of earlier tasks, which is added (`fisher_of`); with it, ``plan`` needs no source items.
        name: the name in the registry.

    Examples:
        >>> from headstart.sources.toy_shift import toy_shift
        >>> shift = toy_shift()
        >>> strategy = ElasticWeightConsolidation(source_data=shift.source_data, training=Training(epochs=1), most=5)
        >>> model = strategy.fit(shift.source, shift.train.take(range(24)))
        >>> model.predict_proba(shift.test.items).shape
        (240, 2)
    """

    training: Training = Training()
    source_data: Dataset | None = field(default=None, repr=False)
    weight: float = 1.0
    most: int = 100
    importance: Importance | None = field(default=None, repr=False, compare=False)
    name: str = "ewc"

    def __post_init__(self) -> None:
        check_number(self.weight, "weight", type(self).__name__, low=0)
        check_number(self.most, "most", type(self).__name__, low=1, integer=True)

    def plan(self, setting: Setting) -> Plan:
        """Train all parameters.

        Raises:
            DataError: if there are neither labelled source items nor a known importance.
        """
        network = setting.network
        fisher = self._fisher(setting)
        parameters = {name: value for name, value in network.named_parameters() if name in fisher}
        origin = {name: value.detach().clone().to(best_device()) for name, value in parameters.items()}
        fisher = {name: value.to(best_device()) for name, value in fisher.items()}

        def penalty(batch: Batch, blocks: Sequence[Tensor], logits: Tensor) -> Tensor:  # noqa: ARG001 (of weights only)
            terms = [(fisher[name] * (value - origin[name]) ** 2).sum() for name, value in parameters.items()]
            return self.weight / 2 * torch.stack(terms).sum()

        return Plan((*body_groups(network), head_group(network)), penalty)

    def _fisher(self, setting: Setting) -> dict[str, Tensor]:
        known = dict(self.importance or {})
        if self.source_data is None and known:
            return known
        check_replayed(self.name, self.source_data)
        found = _fisher_on(setting, cast("Dataset", self.source_data), self.most)
        return {name: value + known[name] if name in known else value for name, value in found.items()}

    fit = fit_moved


def fisher_of(
    source: Source, data: Dataset, *, most: int = 100, seed: int = 0, engine: Engine = Engine()
) -> dict[str, Tensor]:
    """The diagonal Fisher information of a body for a task, to be kept when the task's items are not.

    Args:
        source: gives the body.
        data: labelled items of the task.
        most: items that are used, drawn at random.
        seed: of the draw.
        engine: how items are encoded, when the head is solved.

    Returns:
        F of each of the body's parameters, by its name in the network; for `ElasticWeightConsolidation.importance`.

    Raises:
        SourceError: if the source has no body that can be fine-tuned.

    Examples:
        >>> from headstart.sources.toy_shift import toy_shift
        >>> shift = toy_shift()
        >>> found = fisher_of(shift.source, shift.source_data, most=3)
        >>> found["body.blocks.0.0.weight"].shape
        torch.Size([24, 10, 1, 1])
    """
    start = solved_start(source, data, search=HeadSearch(("ridge",)), seed=seed, engine=engine)
    return _fisher_on(make_setting(EWC, source, data, start, seed=seed, budget=Budget()), data, most)


def _fisher_on(setting: Setting, data: Dataset, most: int) -> dict[str, Tensor]:
    rng, network = np.random.default_rng(setting.seed), setting.network
    chosen = np.sort(rng.permutation(len(data))[:most])
    found = source_task(setting, data)
    device = next(network.body.parameters()).device.type
    inputs = [to_device(found.items.inputs([int(k)]), device) for k in chosen]
    fisher = diagonal_fisher(found.task, _bound(found, network.body), _body_parameters(network), inputs)
    remove_source_head(network)
    return fisher


def _bound(found: SourceTask, body: nn.Module) -> Callable[[Any], Tensor]:
    return lambda inputs: found.logits(body, inputs)


def _body_parameters(network: Network) -> dict[str, Tensor]:
    known = {name for group in network.groups for name in group}
    return {name: value for name, value in network.named_parameters() if name in known}


EWC = ElasticWeightConsolidation()
