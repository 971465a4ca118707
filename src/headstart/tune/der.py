"""DER++ (dark experience replay): replayed source items keep their logits of before, and their labels are learnt again.

Reference: Buzzega et al. 2020, "Dark Experience for General Continual Learning: a Strong, Simple Baseline":
L = L_target + alpha ‖z - h(x')‖² / k + beta CE(y'', h(x'')), where x' and x'' are two independent draws from the
stored items, and z are the logits stored for x'.

Command: headstart fit DATA --strategy der --source-data DATA

Transfers: parameters.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, cast

from torch import Tensor
from torch.nn.functional import mse_loss

from headstart.params import check_number
from headstart.tune.moving.contract import check_replayed
from headstart.tune.moving.move import fit_moved
from headstart.tune.moving.plan import Plan, Setting, body_groups, head_group
from headstart.tune.network.body_and_head import task_loss
from headstart.tune.structure.source_head import outputs_of, running_statistics_kept
from headstart.tune.structure.source_task import remove_source_head, source_task
from headstart.tune.training.batches import Batch
from headstart.tune.training.device import to_device
from headstart.tune.training.settings import Training
from headstart.types import Dataset

__all__ = ["DER", "DarkExperienceReplay"]


@dataclass(frozen=True)
class DarkExperienceReplay:
    """Fine-tuning with source items whose logits of the body before are kept (DER++).

    In every step, as many source items as target items are drawn for each of the two terms. The logits are stored
    before the training starts, in evaluation mode and without augmentation; they are those of the body's own source
    head if that has the classes of ``source_data``, and otherwise of a head that is solved on the frozen features of
    the source items (`headstart.tune.structure.source_task`), which is trained along. Running statistics of batch
    normalisations follow the target's items only.

    Attributes:
        training: the training settings.
        source_data: labelled items of the source task, of the target's modality.
        alpha: weight of the squared difference of logits, mean over items and classes; 0.2.
        beta: weight of the loss of the labels, 0.5. Both values are among those the paper found best; with ``beta`` 0
            this is DER.
        name: the name in the registry.

    Examples:
        >>> from headstart.sources.toy_shift import toy_shift
        >>> shift = toy_shift()
        >>> strategy = DarkExperienceReplay(source_data=shift.source_data, training=Training(epochs=1))
        >>> model = strategy.fit(shift.source, shift.train.take(range(24)))
        >>> model.predict_proba(shift.test.items).shape
        (240, 2)
    """

    training: Training = Training()
    source_data: Dataset | None = field(default=None, repr=False)
    alpha: float = 0.2
    beta: float = 0.5
    name: str = "der"

    def __post_init__(self) -> None:
        for name in ("alpha", "beta"):
            check_number(getattr(self, name), name, type(self).__name__, low=0)

    def plan(self, setting: Setting) -> Plan:
        """Train all parameters, including those of the source head.

        Raises:
            DataError: if there are no labelled source items.
        """
        check_replayed(self.name, self.source_data)
        network, found = setting.network, source_task(setting, cast("Dataset", self.source_data))
        stored = found.draw_from(outputs_of(found.logits, network.body, found.items))
        labelled = found.draw_from(found.targets)

        def penalty(batch: Batch, blocks: Sequence[Tensor], _: Tensor) -> Tensor:
            device = blocks[-1].device.type

            def now(inputs: Any) -> Tensor:
                return found.logits(network.body, to_device(inputs, device)).float()

            with running_statistics_kept(network.body):
                inputs, before = stored.draw(len(batch.positions))
                kept = mse_loss(now(inputs), before.to(device))
                inputs, wanted = labelled.draw(len(batch.positions))
                learnt = task_loss(found.task, now(inputs), wanted.to(device)).mean()
            return self.alpha * kept + self.beta * learnt

        groups = (*body_groups(network), *found.groups, head_group(network))
        return Plan(groups, penalty, finish=partial(remove_source_head, network))

    fit = fit_moved


DER = DarkExperienceReplay()
