"""Which of the parameters that a strategy trains stay frozen all the same, by number of blocks or by name."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from torch import nn

from headstart.errors import ParameterError
from headstart.tune.training.job import ParameterGroup
from headstart.tune.training.settings import Training

__all__ = ["check_parts", "trained_groups"]

BODY = "body."  # begins the names of the body's parameters in a network


def trained_groups(
    groups: Sequence[ParameterGroup], blocks: Sequence[Sequence[str]], training: Training
) -> tuple[ParameterGroup, ...]:
    """The groups without the parameters that ``freeze`` and ``unfreeze`` of a training leave frozen.

    Parameters that a strategy inserted into a layer, such as low-rank matrices, belong to the block of that layer. The
    head is always trained.

    Args:
        groups: what the strategy trains; the body's names begin with ``body.``.
        blocks: names of the body's own parameters, one sequence for each block, stem first.
        training: the settings.

    Raises:
        ParameterError: if nothing has such a name, or no parameter of the body remains.

    Examples:
        >>> groups = [ParameterGroup((f"body.layer{k}.weight",)) for k in range(3)] + [ParameterGroup(("head.bias",))]
        >>> blocks = [group.names for group in groups[:3]]
        >>> [group.names[0] for group in trained_groups(groups, blocks, Training(freeze=2))]
        ['body.layer2.weight', 'head.bias']
        >>> [group.names[0] for group in trained_groups(groups, blocks, Training(unfreeze="layer1"))]
        ['body.layer1.weight', 'head.bias']
    """
    if not (training.freeze or training.unfreeze):
        return tuple(groups)
    names = [name for group in groups for name in group.names if name.startswith(BODY)]
    parts = _TrainedNames(names, [block for block in blocks if block])
    frozen = parts.named(training.freeze, "freeze") if training.freeze else set(names)
    if training.unfreeze:
        frozen -= parts.named(training.unfreeze, "unfreeze")
    left = [replace(group, names=tuple(name for name in group.names if name not in frozen)) for group in groups]
    if not any(name.startswith(BODY) for group in left for name in group.names):
        said = {"freeze": training.freeze, "unfreeze": training.unfreeze}
        given = " and ".join(f"{name}={value!r}" for name, value in said.items() if value)
        raise ParameterError(
            f"{given} leaves nothing of the body to train: it has {len(parts.blocks)} blocks. Freeze fewer of them, or "
            "use the strategy 'frozen'."
        )
    return tuple(group for group in left if group.names)


def check_parts(body: nn.Module, blocks: Sequence[Sequence[str]], training: Training) -> None:
    """Raise, before anything is trained, if ``freeze`` or ``unfreeze`` cannot be followed in a body.

    Args:
        body: the module whose parameters may be trained.
        blocks: names of its parameters, one sequence for each block, stem first.
        training: the settings.

    Raises:
        ParameterError: if the body has no such part or not so many blocks, or nothing of it would be trained.

    Examples:
        >>> body = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
        >>> check_parts(body, [["0.weight", "0.bias"], ["1.weight", "1.bias"]], Training(freeze=3))
        Traceback (most recent call last):
        headstart.errors.ParameterError: freeze=3 counts more blocks than the body has: 2. ...
    """
    known = {name for name, _ in body.named_parameters()}
    named = [[f"{BODY}{name}" for name in block if name in known] for block in blocks]
    trained_groups([ParameterGroup(tuple(name for block in named for name in block))], named, training)


class _TrainedNames:
    """The trained parameters of the body, and the block of each."""

    def __init__(self, names: Sequence[str], blocks: Sequence[Sequence[str]]) -> None:
        self.names, self.blocks = names, blocks
        self._known = {name: k for k, block in enumerate(blocks) for name in block}
        self._owners = {name.rpartition(".")[0]: k for name, k in self._known.items()}

    def named(self, part: int | str, setting: str) -> set[str]:
        """The parameters of the first blocks (of ``unfreeze`` the last ones), or of a name."""
        if isinstance(part, int):
            count = len(self.blocks)
            if part > count:
                raise ParameterError(
                    f"{setting}={part} counts more blocks than the body has: {count}. Give a smaller number, or a "
                    f"name. They begin with {_listed(self.names)}."
                )
            chosen = range(part) if setting == "freeze" else range(count - part, count)
            return {name for name in self.names if self._block(name) in chosen}
        part = part.rstrip(".")
        found = {name for name in self.names if f"{name.removeprefix(BODY)}.".startswith(f"{part}.")}
        if not found:
            raise ParameterError(
                f"{setting}='{part}' names nothing that is trained: no trained parameter has this name, or begins with "
                f"'{part}.'. They begin with {_listed(self.names)}."
            )
        return found

    def _block(self, name: str) -> int:
        """The block of a parameter; one that was inserted belongs to that of the nearest layer around it."""
        if name in self._known:
            return self._known[name]
        owner = name
        while owner.startswith(BODY):
            owner = owner.rpartition(".")[0]
            if owner in self._owners:
                return self._owners[owner]
            inside = [k for known, k in self._owners.items() if known.startswith(f"{owner}.")]
            if owner != BODY.rstrip(".") and inside:
                return min(inside)
        raise ParameterError(
            f"The trained parameter '{name}' belongs to no block of the body, so blocks cannot be counted; freeze "
            f"parts by name. They begin with {_listed(self.names)}."
        )


def _listed(names: Iterable[str], most: int = 12) -> str:
    """The distinct first parts of names that tell them apart, in their order."""
    plain = [name.removeprefix(BODY).split(".")[:-1] for name in names]
    depth = 1
    while depth < 4 and len({tuple(one[:depth]) for one in plain}) < 2:
        depth += 1
    found = list(dict.fromkeys(".".join(one[: depth + 1]) for one in plain))
    if len(found) > most:
        found = list(dict.fromkeys(".".join(one[:depth]) for one in plain))
    shown = ", ".join(f"'{name}'" for name in found[:most])
    return f"{shown}, ..." if len(found) > most else shown
