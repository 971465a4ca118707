"""timm's descriptions of its pretrained models, and their weights in the cache of the Hugging Face hub."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from headstart.engine.body.recipe import recipe_key
from headstart.engine.cache.bodies import BodyCache
from headstart.errors import UnknownNameError
from headstart.sources.bodies.hub_cache import cached_file

__all__ = ["cached_weights", "full_name", "pretrained_config"]

NEAREST = 5  # suggestions for an unknown name


def pretrained_config(name: str) -> dict[str, Any]:
    """The description that timm has of a pretrained model, in plain values; cached for the installed version of timm.

    Raises:
        UnknownNameError: if timm has no pretrained model of this name; it lists the nearest names.

    Examples:
        >>> pretrained_config("resnet18.a1_in1k")["architecture"]
        'resnet18'
        >>> pretrained_config("resnet_18")
        Traceback (most recent call last):
        headstart.errors.UnknownNameError: Unknown timm model 'resnet_18'. ...
    """
    cache = BodyCache(recipe_key("timm config", version("timm"), name))
    config = cache.read("config")
    if config is None:
        config = _find_config(name)
        cache.write("config", config)
    return config


def _find_config(name: str) -> dict[str, Any]:
    import timm

    try:
        found = timm.get_pretrained_cfg(name)
    except RuntimeError:  # the architecture exists, but not with this tag
        found = None
    if found is None:
        raise UnknownNameError("timm model", name, _near(name, timm.list_pretrained()))
    return {key: _plain(value) for key, value in asdict(found).items() if value is not None}


def _near(name: str, known: list[str]) -> list[str]:
    """The nearest names: tags of the same architecture, then architectures that are spelled alike."""
    own, _, _ = name.partition(".")
    of = {full.partition(".")[0]: full for full in reversed(known)}  # one name of each architecture
    tags = [full for full in known if full.startswith(f"{own}.")]
    near = difflib.get_close_matches(name, tags, n=NEAREST, cutoff=0.0)
    near += [of[one] for one in difflib.get_close_matches(own, of, n=NEAREST, cutoff=0.0)]
    shown = ", ".join(list(dict.fromkeys(near))[:NEAREST])
    return [f"{len(known):,} names, the nearest of them {shown}"]


def _plain(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value


def cached_weights(config: Mapping[str, Any]) -> Path | None:
    """The file of a model's weights in the cache of the Hugging Face hub; None if it is not there.

    Args:
        config: from `pretrained_config`.

    Examples:
        >>> cached_weights({"architecture": "no_such_model", "hf_hub_id": "timm/"}) is None
        True
    """
    identifier = str(config.get("hf_hub_id") or "")
    repository = f"timm/{full_name(config)}" if identifier == "timm/" else identifier
    return cached_file(repository, "model.safetensors")


def full_name(config: Mapping[str, Any]) -> str:
    """The name of an architecture with the tag of its weights.

    Args:
        config: from `pretrained_config`.

    Examples:
        >>> full_name({"architecture": "resnet18", "tag": "a1_in1k"})
        'resnet18.a1_in1k'
    """
    return f"{config['architecture']}.{config['tag']}" if config.get("tag") else str(config["architecture"])
