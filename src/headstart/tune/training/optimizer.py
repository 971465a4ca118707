"""The optimiser of a training, the default learning rates, and the optimiser's state as named tensors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import SGD, AdamW, Optimizer

from headstart.errors import ParameterError
from headstart.tune.training.job import ParameterGroup
from headstart.tune.training.settings import Training

__all__ = ["base_rate", "learning_rate_for", "make_optimizer", "optimizer_state", "restore_optimizer"]

MOMENTUM = 0.9
# Learning rates of AdamW with and without batch statistics ("kept": pretrained statistics); SGD has ten times as much.
RATE, KEPT_RATE = 5e-4, 2e-4
TRANSFORMER_RATE, KEPT_TRANSFORMER_RATE = 1e-4, 7e-5


def base_rate(training: Training) -> float:
    """The largest learning rate of a training's settings; 5e-4 if they name none.

    Examples:
        >>> base_rate(Training(learning_rate=0.1)), base_rate(Training())
        (0.1, 0.0005)
    """
    return RATE if training.learning_rate is None else training.learning_rate


def learning_rate_for(body: nn.Module, training: Training) -> float:
    """The learning rate that suits a body, if the training settings name none.

    - With batch normalisation: 5e-4, and 2e-4 if ``batch_statistics`` is False (LP-FT, L2-SP). Both were chosen on
      training pictures of CIFAR-10.
    - Without (transformers): 1e-4, chosen on training texts of TREC-6, and 7e-5 if ``batch_statistics`` is False.
    - For SGD ten times as much, since AdamW's steps are about as large as the rate.

    The evidence for 7e-5 is thin: single runs of LP-FT over 3 epochs, on training texts. On BANKING77, split at random,
    the validation loss was 0.266 (1e-4: 0.271, 5e-5: 0.269); split with near duplicates kept together it was 0.361
    (1e-4: 0.366, before training 0.364); on tweets it was 0.391 (1e-4: 0.382, 5e-5: 0.402).

    Args:
        body: the module to be trained.
        training: the settings.

    Examples:
        >>> learning_rate_for(nn.LayerNorm(2), Training()), learning_rate_for(nn.BatchNorm2d(2), Training())
        (0.0001, 0.0005)
    """
    if training.learning_rate is not None:
        return training.learning_rate
    batch_norm = any(isinstance(part, nn.modules.batchnorm._BatchNorm) for part in body.modules())
    free, kept = (RATE, KEPT_RATE) if batch_norm else (TRANSFORMER_RATE, KEPT_TRANSFORMER_RATE)
    return (free if training.batch_statistics else kept) * (10 if training.optimizer == "sgd" else 1)


def make_optimizer(
    parameters: Mapping[str, nn.Parameter], groups: Sequence[ParameterGroup], training: Training
) -> Optimizer:
    """AdamW or SGD over the groups; one-dimensional parameters (biases, gains) have no weight decay.

    Args:
        parameters: all parameters by name.
        groups: the parameters to train, each in one group.
        training: the settings.

    Raises:
        ParameterError: if a group names an unknown parameter, or two groups name the same one.

    Examples:
        >>> body = nn.Linear(2, 1)
        >>> made = make_optimizer(dict(body.named_parameters()), [ParameterGroup(("weight", "bias"))], Training())
        >>> [group["weight_decay"] for group in made.param_groups]
        [0.01, 0.0]
    """
    made: list[dict[str, Any]] = []
    seen: set[str] = set()
    for number, group in enumerate(groups):
        unknown = [name for name in group.names if name not in parameters or name in seen]
        if unknown:
            raise ParameterError(f"Each group must name parameters once. Got '{unknown[0]}', unknown or named twice.")
        seen.update(group.names)
        decay = training.weight_decay if group.weight_decay is None else group.weight_decay
        for flat in (False, True):
            chosen = [name for name in group.names if (parameters[name].ndim < 2) == flat]
            if chosen:
                listed = [parameters[name] for name in chosen]
                made.append(
                    {"params": listed, "weight_decay": 0.0 if flat else decay, "number": number, "names": chosen}
                )
    if training.optimizer == "sgd":
        return SGD(made, lr=base_rate(training), momentum=MOMENTUM)
    fused = all(parameter.device.type in ("cpu", "cuda") for parameter in parameters.values())
    return AdamW(made, lr=base_rate(training), fused=fused)


def optimizer_state(optimizer: Optimizer) -> dict[str, Tensor]:
    """The optimiser's state as tensors, named ``PARAMETER/QUANTITY``.

    Examples:
        >>> import torch
        >>> body = nn.Linear(1, 1, bias=False)
        >>> made = make_optimizer(dict(body.named_parameters()), [ParameterGroup(("weight",))], Training())
        >>> body(torch.ones(1, 1)).sum().backward()
        >>> made.step()
        >>> sorted(optimizer_state(made))
        ['weight/exp_avg', 'weight/exp_avg_sq', 'weight/step']
    """
    state: dict[str, Tensor] = {}
    for group in optimizer.param_groups:
        for name, parameter in zip(group["names"], group["params"], strict=True):
            for quantity, value in optimizer.state.get(parameter, {}).items():
                if isinstance(value, Tensor):
                    state[f"{name}/{quantity}"] = value
    return state


def restore_optimizer(optimizer: Optimizer, state: Mapping[str, Tensor]) -> None:
    """Restore a state that `optimizer_state` returned.

    Examples:
        >>> import torch
        >>> body = nn.Linear(1, 1, bias=False)
        >>> made = make_optimizer(dict(body.named_parameters()), [ParameterGroup(("weight",))], Training())
        >>> restore_optimizer(made, {"weight/step": torch.tensor(3.0)})
        >>> made.state[body.weight]
        {'step': tensor(3.)}
    """
    for group in optimizer.param_groups:
        for name, parameter in zip(group["names"], group["params"], strict=True):
            found = {key.split("/", 1)[1]: value for key, value in state.items() if key.split("/", 1)[0] == name}
            if found:
                optimizer.state[parameter] = {key: _restored(key, value, parameter) for key, value in found.items()}


def _restored(quantity: str, value: Tensor, parameter: Tensor) -> Tensor:
    """A quantity in the memory layout of its parameter: the fused AdamW pairs their numbers in the order of memory."""
    device = parameter.device  # AdamW keeps its step counter on the CPU unless it is fused on a GPU
    if value.shape == parameter.shape and quantity != "step":
        return torch.empty_like(parameter, dtype=value.dtype).copy_(value)
    return value.clone() if quantity == "step" and device.type == "cpu" else value.to(device).clone()
