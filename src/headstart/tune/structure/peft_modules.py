"""Low-rank modules of the peft library on the linear layers of a transformer, and their merging into plain layers."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from typing import Any

from torch import nn

from headstart.errors import MissingExtraError
from headstart.sources.bodies.trainable import trainable
from headstart.tune.network.body_and_head import Network
from headstart.types import Source

__all__ = ["check_peft", "insert_peft", "is_transformer"]

ATTENTION = ("qkv", "query", "q_proj", "q_lin", "to_q", "q")  # usual names of the query projection of an attention


def is_transformer(network: Network) -> bool:
    """Whether the body reads tokens, or has an attention layer, which is recognised by its query projection.

    Examples:
        >>> from headstart.tune.lp_ft import LP_FT
        >>> from headstart.tune.moving.toy import toy_setting
        >>> network = toy_setting(LP_FT).network
        >>> is_transformer(network)
        False
        >>> network.body.add_module("query", nn.Linear(4, 4))
        >>> is_transformer(network)
        True
    """
    return _attends(network.trainable.kind, network.body)


def _attends(kind: str, body: nn.Module) -> bool:
    parts = body.named_modules()
    return kind == "tokens" or any(
        isinstance(part, nn.Linear) and name.rpartition(".")[2] in ATTENTION for name, part in parts
    )


def check_peft(name: str, source: Source) -> None:
    """Raise if the body of a source is a transformer and peft is not installed.

    The body is only loaded where peft is missing.

    Args:
        name: name of the strategy, for the message.
        source: gives the body.

    Raises:
        MissingExtraError: with the pip command.
        SourceError: if peft is missing and the source has no body that can be fine-tuned.

    Examples:
        >>> from headstart.sources import open_source
        >>> check_peft("lora", open_source("headstart:image"))  # a convolutional network
    """
    if find_spec("peft") is not None:
        return
    body = trainable(source)
    if _attends(body.kind, body.module):
        raise MissingExtraError(f"The strategy '{name}' on a transformer", "peft")


def insert_peft(
    body: nn.Module, layers: Sequence[str], name: str, *, rank: int, alpha: float, decomposed: bool
) -> tuple[list[str], Callable[[], None]]:
    """Wrap linear layers of a body in peft's low-rank modules, in place.

    Args:
        body: a transformer.
        layers: names of linear layers.
        name: name of the strategy, for the message.
        rank: r.
        alpha: scale of the update, which is multiplied by alpha / r.
        decomposed: whether peft's DoRA is used.

    Returns:
        The names of the new parameters, and a function that merges them and puts the plain layers back.

    Raises:
        MissingExtraError: if peft is not installed.

    Examples:
        >>> body = nn.Sequential(nn.Linear(8, 8), nn.Linear(8, 2))
        >>> names, merge = insert_peft(body, ["0"], "lora", rank=2, alpha=4.0, decomposed=False)
        >>> names
        ['0.lora_A.default.weight', '0.lora_B.default.weight']
        >>> merge()
        >>> list(body.state_dict())
        ['0.weight', '0.bias', '1.weight', '1.bias']
    """
    try:
        from peft import LoraConfig, inject_adapter_in_model
    except ImportError as error:
        raise MissingExtraError(f"The strategy '{name}' on a transformer", "peft") from error
    pattern = "|".join(re.escape(layer) for layer in layers)
    config = LoraConfig(
        r=rank,
        lora_alpha=alpha,  # type: ignore[arg-type] # it is only divided by r
        use_dora=decomposed,
        target_modules=pattern,
    )
    inject_adapter_in_model(config, body)
    names = [name for name, _ in body.named_parameters() if ".lora_" in name]

    def merge() -> None:
        for layer in layers:
            wrapped: Any = body.get_submodule(layer)
            wrapped.merge()
            body.set_submodule(layer, wrapped.get_base_layer(), strict=True)
        if hasattr(body, "peft_config"):
            del body.peft_config

    return names, merge
