"""Co-Tuning: the source head is trained too, on source-class probabilities that each target class implies.

Reference: You et al. 2020, "Co-Tuning for Transfer Learning": L = CE(h_t(f(x)), y_t) + λ CE(h_s(f(x)), p(y_s | y_t)).
The category relation p(y_s | y_t) is estimated by the paper's direct approach: the mean probabilities that the source
head gives the items of a target class.

Transfers: parameters.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import cross_entropy

from headstart.errors import DataError
from headstart.params import check_number
from headstart.tasks import is_classification
from headstart.tune.moving.move import fit_moved
from headstart.tune.moving.plan import Plan, Setting, body_groups, head_group
from headstart.tune.structure.source_head import outputs_of, running_statistics_kept, source_head_groups, source_head_of
from headstart.tune.training.batches import Batch
from headstart.tune.training.device import best_device
from headstart.tune.training.settings import Training

__all__ = ["CO_TUNING", "CoTuning", "category_relation"]


def category_relation(probabilities: NDArray[np.float64], targets: NDArray[np.float64]) -> NDArray[np.float64]:
    """p(y_s | y_t), (target classes, source classes): the mean source probabilities of each target class's items.

    Args:
        probabilities: (n, source classes), from the frozen body.
        targets: (n, target classes), one-hot. A class without items gets the mean over all items.

    Examples:
        >>> category_relation(np.array([[0.9, 0.1], [0.7, 0.3], [0.0, 1.0]]), np.array([[1, 0], [1, 0], [0, 1.0]]))
        array([[0.8, 0.2],
               [0. , 1. ]])
    """
    counts = targets.sum(axis=0)[:, None]
    means = np.asarray(targets.T @ probabilities / np.maximum(counts, 1))
    return np.where(counts > 0, means, probabilities.mean(axis=0))


@dataclass(frozen=True)
class CoTuning:
    """Fine-tuning of the body with two heads: the target's and the source's own.

    For classification only. The source head's own weights are trained too, and stay in the body.

    Attributes:
        training: the training settings.
        weight: λ, 2.3 (the paper's).
        name: the name in the registry.

    Examples:
        >>> from headstart.sources.toy_shift import toy_shift, toy_with_head
        >>> from headstart.tune.moving.toy import toy_setting
        >>> plan = CO_TUNING.plan(toy_setting(CO_TUNING, toy_with_head(toy_shift())))
        >>> len(plan.groups), plan.penalty is None  # blocks, source head and head, with a penalty
        (5, False)
    """

    training: Training = Training()
    weight: float = 2.3
    name: str = "co_tuning"

    def __post_init__(self) -> None:
        check_number(self.weight, "weight", type(self).__name__, low=0)

    def plan(self, setting: Setting) -> Plan:
        """Train all parameters, including those of the source head.

        Raises:
            SourceError: if the body has no source head.
            DataError: if the task is not a classification.
        """
        if not is_classification(setting.task):
            raise DataError(
                f"The strategy '{self.name}' relates source classes to target classes, so the task must be a "
                f"classification. Got a {setting.task.kind} task; use another strategy, such as 'l2_sp'."
            )
        network = setting.network
        head = source_head_of(network.trainable, setting.source.info.name, self.name)
        logits = torch.from_numpy(outputs_of(head, network.body, setting.batches))
        probabilities = logits.double().softmax(dim=1).numpy()
        relation = torch.tensor(category_relation(probabilities, setting.targets), dtype=torch.float32)
        relation = relation.to(best_device())

        def penalty(batch: Batch, blocks: Sequence[Tensor], logits: Tensor) -> Tensor:  # noqa: ARG001 (other head)
            with running_statistics_kept(network.body):
                source_logits = head(network.body, batch.inputs)
            # (n, target classes) @ (target classes, source classes): mixed targets get the mixture of their relations
            return self.weight * cross_entropy(source_logits.float(), batch.targets @ relation)

        groups = (*body_groups(network), *source_head_groups(setting, head), head_group(network))
        return Plan(groups, penalty)

    fit = fit_moved


CO_TUNING = CoTuning()
