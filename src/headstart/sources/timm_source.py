"""``timm:NAME``: image bodies of the timm library, with their own preprocessing."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headstart.data.readers import read_image
from headstart.engine.extract import encode
from headstart.engine.pooling import blocks_forward
from headstart.engine.torch_body import TorchBody
from headstart.errors import SourceError, UnknownNameError
from headstart.io import write_json
from headstart.sources.cache import cached_file, cached_repositories
from headstart.sources.scheme import Scheme
from headstart.sources.seeded import example_pictures, seeded, spread
from headstart.types import Block, FeatureMatrix, Modality, SourceInfo

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["SCHEME", "TimmSource", "TimmSpec", "block_names", "build"]


@dataclass(frozen=True)
class TimmSpec:
    """How a timm body is built and what its images must look like.

    Attributes:
        architecture: timm's name of it, such as ``"mobilenetv2_100"``.
        model_args: what else timm's constructor gets, such as ``{"num_classes": 10}``.
        pretrained_cfg: timm's description of the weights: input_size, mean, std, interpolation, crop_pct, license, ...

    Examples:
        >>> TimmSpec("resnet18").model_args
        {}
    """

    architecture: str
    model_args: Mapping[str, Any] = field(default_factory=dict)
    pretrained_cfg: Mapping[str, Any] = field(default_factory=dict)


def build(spec: TimmSpec) -> nn.Module:
    """The body with random weights.

    Raises:
        SourceError: if timm does not know the architecture or cannot build it with these arguments.

    Examples:
        >>> build(TimmSpec("test_resnet")).num_features
        96
    """
    import timm

    if not timm.is_model(spec.architecture):
        raise SourceError(
            f"timm has no architecture '{spec.architecture:.80}', so its weights cannot be loaded by name; "
            "build the body yourself and give it as headstart.sources.module.module(body, preprocess, ...)."
        )
    try:
        return timm.create_model(spec.architecture, pretrained=False, **spec.model_args)
    except (TypeError, ValueError, RuntimeError) as error:
        raise SourceError(
            f"timm cannot build '{spec.architecture}' with the arguments {dict(spec.model_args)}: {_line(error)}"
        ) from error


def block_names(module: nn.Module) -> list[str]:
    """The submodules whose outputs are the body's blocks, first to last, at most twelve.

    timm names them in ``feature_info``; where those are children of one container, such as ``blocks.0``, all its
    children count.

    Examples:
        >>> block_names(build(TimmSpec("test_resnet")))
        ['act1', 'layer1', 'layer2', 'layer3', 'layer4']
    """
    features: Iterable[Mapping[str, Any]] = getattr(module, "feature_info", None) or []
    names = [str(entry["module"]) for entry in features if entry.get("module")]
    containers = {match[1] for name in names if (match := re.fullmatch(r"(blocks|stages|layers)\.\d+", name))}
    if len(containers) == 1:
        container = containers.pop()
        names = [f"{container}.{name}" for name, _ in module.get_submodule(container).named_children()]
    known = dict(module.named_modules())
    return spread([name for name in names if name in known], 12)


def _final(module: Any, batch: Tensor) -> Any:
    return module.forward_head(module.forward_features(batch), pre_logits=True)


class TimmSource:
    """An image body of timm: its blocks' pooled outputs, then what its classifier would have got.

    Args:
        spec: how it was built and what its images look like.
        module: the body, with its weights.
        info: what is known; ``blocks`` and ``num_features`` are measured where they are missing.

    Attributes:
        body: the module and how it is run.

    Examples:
        >>> spec = TimmSpec("test_resnet", pretrained_cfg={"input_size": (3, 64, 64)})
        >>> TimmSource(spec, build(spec), SourceInfo("tiny", "image")).info.num_features
        96
    """

    def __init__(self, spec: TimmSpec, module: nn.Module, info: SourceInfo) -> None:
        import timm.data
        import torch

        data: Any = timm.data  # partly annotated
        config = data.resolve_data_config(args={}, pretrained_cfg=dict(spec.pretrained_cfg), model=module)
        names = block_names(module)
        layout = {name: getattr(module, "output_fmt", "NCHW") != "NHWC" for name in names}
        self.spec = spec
        self._transform = data.create_transform(**config, is_training=False)
        example = torch.stack([self.prepare(picture) for picture in example_pictures()])
        self.body = TorchBody(module, blocks_forward(names, _final, layout), example=example)
        if not info.blocks:
            widths = self.body.widths(example[:1])
            blocks = tuple(Block(name, width) for name, width in zip([*names, "last"], widths, strict=True))
            info = replace(info, blocks=blocks, num_features=widths[-1])
        weights = sum(parameter.numel() for parameter in module.parameters())
        self._info = replace(info, parameters=weights, input={key: _plain(value) for key, value in config.items()})

    @property
    def info(self) -> SourceInfo:
        """What is known about the source."""
        return self._info

    @property
    def precision(self) -> str:
        """The number format that it runs in, ``"bf16"`` or ``"fp32"``; final after the first batch."""
        return self.body.precision

    def prepare(self, item: Any) -> Tensor:
        """The image as timm's own evaluation transform makes it, (3, height, width) float32."""
        tensor: Tensor = self._transform(read_image(item))
        return tensor

    def forward(self, prepared: Sequence[Tensor]) -> FeatureMatrix:
        """Features (n, sum of block widths), float32, of n prepared images."""
        import torch

        return self.body(torch.stack(list(prepared)))

    def encode(self, items: Sequence[Any]) -> FeatureMatrix:
        """Features (n, sum of block widths), float32, of n images."""
        return encode(self, items)

    def untrained(self, seed: int) -> TimmSource:
        """The same body with fresh random weights."""
        module = seeded(seed, lambda: build(self.spec))
        name = f"{self.info.name} (untrained, seed {seed})"
        return TimmSource(self.spec, module, replace(self.info, name=name, sha256=None, revision=None))

    def save(self, folder: Path) -> Mapping[str, str]:
        """Write a checkpoint folder in timm's own format, which ``timm.create_model("local-dir:...")`` loads too."""
        from safetensors.torch import save_file

        folder.mkdir(parents=True, exist_ok=True)
        tensors = {key: value.contiguous() for key, value in self.body.module.state_dict().items()}
        save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
        config = {
            "architecture": self.spec.architecture,
            "num_features": self.info.num_features,
            "model_args": dict(self.spec.model_args),
            "pretrained_cfg": dict(self.spec.pretrained_cfg),
        }
        write_json(folder / "config.json", config)
        return {"name": "local:."}


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())[:300]


def _config(name: str) -> dict[str, Any]:
    import timm

    try:
        found = timm.get_pretrained_cfg(name)
    except RuntimeError:  # the architecture exists, this tag of it does not
        found = None
    if found is None:
        raise UnknownNameError("timm model", name, timm.list_pretrained(f"{name[:4]}*") or ["resnet18.a1_in1k"])
    return {key: value for key, value in asdict(found).items() if value is not None}


def _repository(config: Mapping[str, Any], name: str) -> str:
    identifier = config.get("hf_hub_id") or ""
    return f"timm/{name}" if identifier == "timm/" else str(identifier)


def _describe(name: str) -> SourceInfo:
    config = _config(name)
    full = f"{config['architecture']}.{config['tag']}" if config.get("tag") else name
    file = cached_file(_repository(config, full), "model.safetensors")
    blob = file.resolve().name if file else ""
    return SourceInfo(
        name=f"timm:{full}",
        modality="image",
        architecture=config["architecture"],
        license=config.get("license"),
        revision=file.parent.name if file else None,
        sha256=blob if re.fullmatch("[0-9a-f]{64}", blob) else None,
        input={key: _plain(config[key]) for key in ("input_size", "mean", "std", "interpolation", "crop_pct")},
    )


def _open(name: str, modality: Modality | None) -> TimmSource:  # noqa: ARG001 - the caller compares modalities
    import timm

    info = _describe(name)
    config = _config(name)
    try:
        module = timm.create_model(name, pretrained=True)
    except (OSError, RuntimeError, ValueError) as error:
        raise SourceError(
            f"The weights of 'timm:{name}' are neither on this machine nor could they be fetched: {_line(error)}; "
            f"go online once and open it, or copy the checkpoint here and use 'local:PATH'."
        ) from error
    return TimmSource(TimmSpec(config["architecture"], {}, config), module, info)


def _cached() -> list[str]:
    return [name.removeprefix("timm/") for name in cached_repositories("timm/")]


SCHEME = Scheme("timm:NAME", open=_open, describe=_describe, names=_cached)
