"""Small bodies for side-tuning, which read the same prepared items as a large body."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import nn

from headstart.engine.body.recipe import recipe_key
from headstart.errors import SourceError, UnknownNameError
from headstart.io import follow_umask, read_json, write_json
from headstart.sources.spectrogram import Spectrogram
from headstart.sources.timm import TimmSource, random_weights
from headstart.sources.timm_bodies.module import TimmSpec
from headstart.sources.transformers.parts import parameter_count
from headstart.sources.transformers.text_body import TextBody
from headstart.types import Source, SourceInfo

__all__ = ["check_architecture", "first_layers", "side_body"]


def check_architecture(name: str) -> None:
    """Raise unless timm has an architecture of this name, before any work.

    Args:
        name: timm's name of the narrow body.

    Raises:
        UnknownNameError: for another name.

    Examples:
        >>> check_architecture("mobilenetv2_053")
        Traceback (most recent call last):
        headstart.errors.UnknownNameError: Unknown architecture of timm 'mobilenetv2_053'. Did you mean ...
    """
    import timm

    if not isinstance(name, str) or not timm.is_model(name):
        raise UnknownNameError("architecture of timm", str(name)[:80], timm.list_models())


def side_body(source: Source, architecture: str, layers: int, seed: int) -> Source:
    """A small body that reads the items of a large one; its features are those of its last block.

    For a body of timm, and for sounds that one reads as spectrograms, it is a narrow body of timm with random weights.
    For a text body, it is a copy of its embeddings and first layers. For any other body, it has the same architecture
    with random weights.

    Args:
        source: the large body.
        architecture: timm's name of the narrow body.
        layers: number of first layers of a text body.
        seed: of random weights.

    Raises:
        SourceError: if no side body can be made.

    Examples:
        >>> from headstart.tune.pretraining import timm_architecture
        >>> side_body(timm_architecture("test_vit", side=32), "test_resnet", 2, 0).info.blocks
        (Block(name='last', width=96),)
    """
    if isinstance(source, Spectrogram):
        return Spectrogram(side_body(source.image_source, architecture, layers, seed), source.settings)
    if isinstance(source, TimmSource):
        spec = TimmSpec(architecture, {"num_classes": 0}, {**source.info.input, "num_classes": 0})
        info = SourceInfo(f"timm:{architecture} (untrained, seed {seed})", "image")
        return TimmSource(spec, random_weights(spec, seed), info, layers="last")
    if isinstance(source, TextBody) and _stack(source.trainable().module) is not None:
        return first_layers(source, layers)
    fresh = source.untrained(seed)
    if fresh is None:
        raise SourceError(
            f"No side body can be trained for '{source.info.name}', which has no body itself; use a source of timm or "
            "transformers, or one that comes with the install."
        )
    return fresh


def first_layers(source: TextBody, count: int) -> TextBody:
    """The embeddings and the first layers of a text body, with their weights, as a body of its own.

    Args:
        source: the complete body; its layers must be in ``encoder.layer``, as in BERT.
        count: how many layers are kept.

    Examples:
        >>> from headstart.sources import open_source
        >>> first_layers(open_source("headstart:text"), 1).info.blocks
        (Block(name='layer.1', width=384),)
    """
    parts = source.parts

    def build(seed: int | None) -> nn.Module:
        return _shortened(parts.build(seed), count)

    def write(place: Path, module: nn.Module) -> None:
        parts.write(place, parts.build(None))
        _write_short(place, module, count)

    def copy(place: Path, seed: int | None) -> None:
        write(place, build(seed))

    known = parts.known
    if known is not None:
        parameters = parameter_count(_shortened(source.trainable().module, count))
        known = {**known, "blocks": known["blocks"][: count + 1], "parameters": parameters}
    key = recipe_key(parts.key, "first layers", count)
    small = replace(parts, key=key, build=build, copy=copy, write=write, reference=None, known=known)
    info = SourceInfo(f"{source.info.name} (first {count} layers)", "text", license=source.info.license)
    return TextBody(small, info, layers="last")


def _stack(module: nn.Module) -> nn.ModuleList | None:
    """The layers of BERT, or of a model with the same structure; None for others."""
    found = dict(module.named_modules()).get("encoder.layer")
    return found if isinstance(found, nn.ModuleList) else None


def _shortened(module: nn.Module, count: int) -> nn.Module:
    layers = _stack(module)
    if layers is not None:
        del layers[count:]
        config: Any = getattr(module, "config", None)
        if config is not None:
            config.num_hidden_layers = len(layers)
    return module


def _write_short(place: Path, module: nn.Module, count: int) -> None:
    """Overwrite the weights and the number of layers of the complete body, which was written before."""
    from safetensors.torch import save_file

    save: Callable[[Path], None] | None = getattr(module, "save_pretrained", None)
    if save is not None:
        save(place)
        for file in sorted(place.glob("*.safetensors*")):
            follow_umask(file)
        return
    tensors = {name: tensor.cpu().contiguous() for name, tensor in module.state_dict().items()}
    save_file(tensors, place / "model.safetensors", {"format": "pt"})
    follow_umask(place / "model.safetensors")
    write_json(place / "config.json", {**read_json(place / "config.json"), "num_hidden_layers": count})
