"""Adversarial training: every step trains on perturbed items, chosen near the given ones to raise the loss.

Pictures are perturbed by the fast gradient sign method from a random start (Wong, Rice & Kolter 2020), and texts by
FreeLB in the space of their token embeddings (Zhu et al. 2020).

References: Wong, Rice & Kolter, "Fast is better than free: Revisiting adversarial training", ICLR 2020; Zhu et al.,
"FreeLB: Enhanced Adversarial Training for Natural Language Understanding", ICLR 2020.

Transfers: parameters.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

from torch import Tensor

from headstart.engine.options import Engine
from headstart.errors import DataError
from headstart.model import TransferModel
from headstart.params import check_number
from headstart.tune.attacks.fgsm import fgsm_random_start
from headstart.tune.attacks.free_lb import free_lb_step
from headstart.tune.attacks.pixels import Pixels, drawn_generator
from headstart.tune.augmentation.choice import mixed
from headstart.tune.moving.all_items import fine_tuned_source, train_network
from headstart.tune.moving.move import fit_moved
from headstart.tune.moving.plan import Plan, Setting, body_groups, head_group
from headstart.tune.moving.validation import Validation
from headstart.tune.network.body_and_head import Network
from headstart.tune.structure.source_head import running_statistics_kept
from headstart.tune.training.batches import Batch
from headstart.tune.training.settings import Budget, Training
from headstart.types import Dataset, Source

__all__ = ["ADVERSARIAL", "AdversarialTraining"]


@dataclass(frozen=True)
class AdversarialTraining:
    """Fine-tuning on adversarially perturbed items, from the closed-form head.

    On clean pictures it is usually a little less accurate than other strategies, and under attack much more accurate.

    Attributes:
        training: the training settings.
        epsilon: largest change of a pixel, in 1/255 of the range of pixels; 2 (Wong et al. use 2 and 4 for ImageNet).
            For arrays that are not pictures the range is that of the batch.
        share: weight of the loss on perturbed pictures, 1 (Madry et al. 2018); the loss on clean pictures has the
            remaining weight (Goodfellow et al. 2015 use a half each).
        text_epsilon: largest norm of the perturbation of a text's embedding, 0.6. This, ``text_step_size`` 0.1 and
            ``text_steps`` 3 are the values of FreeLB's authors for SST-2.
        text_step_size: length of an ascent step.
        text_steps: K, the number of forward and backward passes in a step.
        name: the name in the registry.

    Examples:
        >>> from headstart.tune.moving.toy import toy_setting
        >>> plan = ADVERSARIAL.plan(toy_setting(ADVERSARIAL))
        >>> sum(len(group.names) for group in plan.groups), plan.loss is None  # all parameters, with a loss of its own
        (14, False)
    """

    training: Training = Training()
    epsilon: float = 2.0
    share: float = 1.0
    text_epsilon: float = 0.6
    text_step_size: float = 0.1
    text_steps: int = 3
    name: str = "adversarial"

    def __post_init__(self) -> None:
        owner = type(self).__name__
        for name in ("epsilon", "text_epsilon", "text_step_size"):
            check_number(getattr(self, name), name, owner, low=0)
        check_number(self.share, "share", owner, low=0, high=1)
        check_number(self.text_steps, "text_steps", owner, low=1, integer=True)

    def plan(self, setting: Setting) -> Plan:
        """Train all parameters on the loss of perturbed items.

        Raises:
            DataError: if the body reads several pictures per item.
        """
        kind = setting.network.trainable.kind
        if kind == "pictures":
            raise DataError(
                f"The strategy 'adversarial' needs one picture per item, and the source '{setting.source.info.name}' "
                "reads several; use another source or strategy."
            )
        loss = self._text_loss if kind == "tokens" else self._picture_loss
        groups = (*body_groups(setting.network), head_group(setting.network))
        return Plan(groups, loss=partial(loss, setting))

    def fit(
        self,
        source: Source,
        train: Dataset,
        *,
        valid: Dataset | None = None,
        seed: int = 0,
        budget: Budget = Budget(),
        engine: Engine = Engine(),
    ) -> TransferModel:
        """The trained network; for texts, the model with the least validation loss.

        For pictures the weights of the last step are kept, with the head that was trained with them. Clean validation
        items would favour the least trained candidate, and a head that is solved again would not be robust. ``valid``
        is used for calibration only. FreeLB aims at accuracy on clean texts, so `fit_moved` judges it like any other
        strategy.
        """
        if source.info.modality == "text":
            return fit_moved(self, source, train, valid=valid, seed=seed, budget=budget, engine=engine)
        setting = train_network(self, source, train, seed=seed, budget=budget, engine=engine).setting
        head = setting.network.head.fitted()
        if valid is not None:
            judge = Validation(setting.task, valid, source, setting.network.trainable.collate)
            calibration = judge.calibration(judge.scores(setting.network))
            head = replace(head, calibration={**head.calibration, **calibration})
        return TransferModel(
            fine_tuned_source(setting, self.name), setting.task, head, None, train.columns, engine=engine
        )

    def _picture_loss(self, setting: Setting, batch: Batch) -> Tensor:
        network = setting.network
        batch = mixed(batch, setting.training)
        pixels = Pixels.of(batch.inputs, picture=network.trainable.kind == "picture")
        losses = partial(_losses, setting, batch.targets)
        attacked = self._attacked(network, batch, pixels, setting)
        value = self.share * losses(pixels.inputs(attacked)).mean()
        if self.share < 1:
            value = value + (1 - self.share) * losses(batch.inputs).mean()
        return value

    def _attacked(self, network: Network, batch: Batch, pixels: Pixels, setting: Setting) -> Tensor:
        """Perturbed pixels (n, ...) in [0, 255]; the attack leaves running statistics and gradients unchanged."""
        generator = drawn_generator()
        with running_statistics_kept(network):
            return fgsm_random_start(
                lambda x: _losses(setting, batch.targets, pixels.inputs(x)), pixels.values, epsilon=self.epsilon,
                generator=generator, high=255.0,
            )  # fmt: skip

    def _text_loss(self, setting: Setting, batch: Batch) -> Tensor:
        return free_lb_step(
            setting.network, batch,
            lambda logits: setting.losses(logits, batch.targets),
            epsilon=self.text_epsilon, step_size=self.text_step_size, steps=self.text_steps,
        )  # fmt: skip


def _losses(setting: Setting, targets: Tensor, inputs: Tensor) -> Tensor:
    return setting.losses(setting.network(inputs), targets)


ADVERSARIAL = AdversarialTraining()
