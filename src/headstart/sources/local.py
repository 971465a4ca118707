"""Local checkpoint: ``local:PATH``, a file or folder on this machine.

Files: ``X.safetensors`` next to ``X.json``, which states the timm architecture, its arguments and the preprocessing, or
that it is YAMNet or FastestDet; a .keras file.
Folders of other libraries: timm, transformers, sentence-transformers.
Folders that `Source.save` writes: a body of Keras (``keras.json``), a body in int8 (``int8.json``), and an image body
that reads sounds as spectrograms (``spectrogram.json``).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from headstart.errors import SourceError
from headstart.io import check_digest, file_digest, path_exists, read_json, read_start
from headstart.sources.bodies.model_card import stated_accuracy
from headstart.sources.scheme import Scheme
from headstart.sources.timm_bodies.arguments import MOST_SIDE, check_arguments
from headstart.types import Modality, Source, SourceInfo

if TYPE_CHECKING:
    from torch import nn

    from headstart.sources.timm_bodies.module import TimmSpec

__all__ = ["SCHEME", "describe_local", "open_local", "open_timm_folder"]

FORMATS = (
    "a .safetensors file next to a .json of the same name, a .keras file, or a folder of timm, transformers or "
    "sentence-transformers with its config.json"
)
INTERPOLATIONS = ("nearest", "bilinear", "bicubic", "lanczos", "box", "hamming", "random")
OWN_FORMATS = ("yamnet", "fastestdet", "keras", "keras file", "int8")
NAMED = {"YAMNet": "yamnet", "FastestDet": "fastestdet"}  # architectures that are built here, by their first word
PREPROCESSING = ("input_size", "mean", "std", "interpolation", "crop_pct", "crop_mode")


def open_local(path: Path) -> Source:
    """Open a checkpoint, with its weights.

    Args:
        path: the file or folder.

    Returns:
        The source.

    Raises:
        SourceError: if it does not exist, its format is unknown, or its body cannot be built.
        DigestError: if the weights do not have the digest in the JSON file.
        ModelFolderError: if a file is missing or damaged.

    Examples:
        >>> open_local(Path("nowhere"))
        Traceback (most recent call last):
        headstart.errors.SourceError: There is no checkpoint 'nowhere'; give ...
    """
    kind = _kind(path)
    if kind in OWN_FORMATS:
        return _own_format(kind, path)[0]()
    info = describe_local(path)
    if kind == "pair":
        return _open_timm(_weights_file(path), _pair_spec(_pair_json(path)), info)
    if kind == "timm":
        return open_timm_folder(path, info)
    if kind == "spectrogram":
        from headstart.sources.spectrogram import Spectrogram, read_picture_settings

        if _kind(path / "image") == "spectrogram":
            raise SourceError(f"'{path}' nests a spectrogram source in another, which is not supported; copy it again.")
        return Spectrogram(open_local(path / "image"), read_picture_settings(path / "spectrogram.json"))
    from headstart.sources.hf import open_folder

    if kind == "sentence-transformers":
        folder, pooling, max_length = _sentence_parts(path)
        return open_folder(folder, info, pooling=pooling, max_length=max_length)
    return open_folder(path, info)


def open_timm_folder(path: Path, info: SourceInfo, *, installed: bool = False) -> Source:
    """Open a folder of timm.

    Args:
        path: the folder.
        info: the facts about it; if they include a digest, the weights are checked against it.
        installed: whether every install has it under the name in ``info``.

    Raises:
        SourceError: if its weights are missing, or its body cannot be built.
        DigestError: if the weights do not have that digest.

    Examples:
        >>> open_timm_folder(Path("nowhere"), SourceInfo("local:nowhere", "image"))
        Traceback (most recent call last):
        headstart.errors.ModelFolderError: 'nowhere/config.json' ...
    """
    from headstart.sources.bodies.hidden_layers import saved_structure

    spec = replace(_folder_spec(path / "config.json"), structure=saved_structure(path))
    return _open_timm(path / "model.safetensors", spec, info, installed=installed)


def describe_local(path: Path) -> SourceInfo:
    """The facts in the JSON files of a checkpoint; its weights are not read.

    Args:
        path: the file or folder.

    Raises:
        SourceError: if it does not exist or its format is unknown.
        ModelFolderError: if a JSON file is missing or damaged.

    Examples:
        >>> import headstart
        >>> described = describe_local(Path(headstart.__file__).parent / "assets" / "image")
        >>> described.modality, described.license
        ('image', 'Apache-2.0')
        >>> describe_local(Path("nowhere"))
        Traceback (most recent call last):
        headstart.errors.SourceError: There is no checkpoint 'nowhere'; give ...
    """
    kind = _kind(path)
    name = f"local:{path}"
    if kind in OWN_FORMATS:
        return _own_format(kind, path)[1]()
    if kind == "pair":
        facts = read_json(_pair_json(path))
        return _timm_info(name, _pair_spec(_pair_json(path)), facts, sha256=facts.get("sha256"))
    if kind == "timm":
        facts = read_json(path / "config.json")
        return _timm_info(name, _folder_spec(path / "config.json"), facts, sha256=facts.get("sha256"))
    if kind == "spectrogram":
        if _kind(path / "image") == "spectrogram":
            raise SourceError(f"'{path}' nests a spectrogram source in another, which is not supported; copy it again.")
        return replace(describe_local(path / "image"), name=name, modality="audio")
    from headstart.sources.hf import describe_folder

    folder = _sentence_parts(path)[0] if kind == "sentence-transformers" else path
    return describe_folder(folder, name)


def _own_format(kind: str, path: Path) -> tuple[Callable[[], Source], Callable[[], SourceInfo]]:
    """What opens, and what describes, a checkpoint that neither timm nor transformers builds."""
    name = f"local:{path}"
    if kind == "yamnet":
        from headstart.sources.audio_bodies.yamnet_file import describe_yamnet, open_yamnet

        file = _weights_file(path)
        return lambda: open_yamnet(file, name), lambda: describe_yamnet(file, name)
    if kind == "fastestdet":
        from headstart.sources.detection_bodies.fastestdet_file import describe_fastestdet, open_fastestdet

        file = _weights_file(path)
        return lambda: open_fastestdet(file, name), lambda: describe_fastestdet(file, name)
    if kind == "int8":
        from headstart.sources.quantized import describe_quantized, open_quantized

        return lambda: open_quantized(path), lambda: describe_quantized(path, name)
    if kind == "keras":
        from headstart.sources.keras_bodies.keras_folder import describe_keras_folder, open_keras_folder

        return lambda: open_keras_folder(path, name), lambda: describe_keras_folder(path, name)[1]
    from headstart.sources.keras import describe_keras_file, open_keras_file

    return lambda: open_keras_file(path), lambda: describe_keras_file(path)


def _kind(path: Path) -> str:
    """The format of a checkpoint, from the files that it has."""
    if not path_exists(path):
        raise SourceError(f"There is no checkpoint '{path!s:.200}'; give {FORMATS}.")
    if path.is_file():
        if path.suffix == ".keras":
            return "keras file"
        if path.suffix != ".safetensors":
            raise SourceError(f"'{path}' is not a checkpoint that can be opened; give {FORMATS}.")
        return _pair_kind(path)
    for name, kind in (
        ("int8.json", "int8"),
        ("spectrogram.json", "spectrogram"),
        ("keras.json", "keras"),
        ("modules.json", "sentence-transformers"),
    ):
        if (path / name).is_file():
            return kind
    if (path / "config.json").is_file():
        config = read_json(path / "config.json")
        # timm writes "architecture", transformers "architectures"
        return "timm" if "architecture" in config else "transformers"
    if len(_pairs(path)) == 1:
        return _pair_kind(path)
    raise SourceError(f"'{path}' is not a checkpoint folder; give {FORMATS}.")


def _pair_kind(path: Path) -> str:
    architecture = read_json(_pair_json(path)).get("architecture")
    words = architecture.split(maxsplit=1) if isinstance(architecture, str) else []
    return NAMED.get(words[0], "pair") if words else "pair"


def _pairs(folder: Path) -> list[Path]:
    return [file for file in sorted(folder.glob("*.safetensors")) if file.with_suffix(".json").is_file()]


def _weights_file(path: Path) -> Path:
    return _pairs(path)[0] if path.is_dir() else path


def _pair_json(path: Path) -> Path:
    file = _weights_file(path).with_suffix(".json")
    if not file.is_file():
        raise SourceError(
            f"'{path}' has no '{file.name}' next to it, so its architecture and preprocessing are not known; write one "
            "with the keys architecture, timm_kwargs, input_size, mean, std, interpolation, crop_pct and sha256."
        )
    return file


def _pair_spec(file: Path) -> TimmSpec:
    from headstart.sources.timm_bodies.module import TimmSpec

    facts = read_json(file)
    architecture, wanted = facts.get("architecture"), facts.get("timm_kwargs", {})
    if not isinstance(architecture, str) or not isinstance(wanted, dict):
        raise SourceError(f"'{file}' must name a timm architecture, as 'architecture'; add it.")
    config = {key: facts[key] for key in PREPROCESSING if key in facts}
    if isinstance(config.get("interpolation"), str):
        config["interpolation"] = config["interpolation"].split()[0]  # a comment may follow the name
    _check_preprocessing(file, {**config, "sha256": facts.get("sha256")})
    origin = facts.get("source")
    licence = facts.get("license") or (origin.get("licence") if isinstance(origin, dict) else None)
    args = dict(wanted)
    if "num_classes" in facts:
        config["num_classes"] = facts["num_classes"]
        args.setdefault("num_classes", facts["num_classes"])
    check_arguments(args, f"'{file}'")
    return TimmSpec(architecture, args, {**config, "license": licence, **_tuples(config)})


def _check_preprocessing(file: Path, config: Mapping[str, Any]) -> None:
    """Raise on values that would fail later or be ignored."""
    allowed: dict[str, tuple[str, Callable[[Any], bool]]] = {
        "input_size": (f"three whole numbers from 1 to {MOST_SIDE}", lambda v: _numbers(v, int, 1, MOST_SIDE)),
        "mean": ("three numbers from -1000 to 1000", lambda v: _numbers(v, (int, float), -1e3, 1e3)),
        "std": ("three numbers from 0.001 to 1000", lambda v: _numbers(v, (int, float), 1e-3, 1e3)),
        "interpolation": (f"one of {', '.join(INTERPOLATIONS)}", lambda v: v in INTERPOLATIONS),
        "crop_pct": ("a number from 0.05 to 1", lambda v: isinstance(v, int | float) and 0.05 <= v <= 1),
        "crop_mode": ("a word", lambda v: isinstance(v, str)),
        "sha256": ("64 hexadecimal digits", lambda v: isinstance(v, str) and bool(re.fullmatch("[0-9a-fA-F]{64}", v))),
    }
    for key, (wanted, holds) in allowed.items():
        if config.get(key) is not None and not holds(config[key]):
            raise SourceError(f"The '{key}' of '{file}' must be {wanted}. Got {config[key]!r:.80} instead; correct it.")


def _numbers(value: object, kinds: type | tuple[type, ...], low: float, high: float) -> bool:
    if not isinstance(value, list) or len(value) != 3:
        return False
    return all(isinstance(entry, int | float) and isinstance(entry, kinds) and low <= entry <= high for entry in value)


def _folder_spec(file: Path) -> TimmSpec:
    from headstart.sources.timm_bodies.module import TimmSpec

    facts = read_json(file)
    config, args = facts.get("pretrained_cfg", facts), facts.get("model_args", {})
    if not isinstance(facts.get("architecture"), str) or not isinstance(args, dict) or not isinstance(config, dict):
        raise SourceError(
            f"'{file}' must name a timm architecture, as 'architecture', with objects as 'model_args' and "
            "'pretrained_cfg'; copy the model again."
        )
    _check_preprocessing(file, config)
    if isinstance(facts.get("num_classes"), int):
        args.setdefault("num_classes", facts["num_classes"])
    check_arguments(args, f"'{file}'")
    return TimmSpec(facts["architecture"], args, {**config, **_tuples(config)})


def _tuples(config: Mapping[str, Any]) -> dict[str, Any]:
    return {key: tuple(config[key]) for key in ("input_size", "mean", "std") if isinstance(config.get(key), list)}


def _timm_info(name: str, spec: TimmSpec, facts: Mapping[str, Any], *, sha256: object) -> SourceInfo:
    config = spec.pretrained_cfg
    return SourceInfo(
        name=name,
        modality="image",
        num_features=_integer(facts.get("num_features")),
        parameters=_integer(facts.get("num_params")),
        architecture=spec.architecture,
        license=config.get("license"),
        sha256=sha256 if isinstance(sha256, str) else None,
        input={key: config[key] for key in PREPROCESSING if key in config},
        accuracy=stated_accuracy(facts.get("accuracy")),
        source_task=task if isinstance(task := facts.get("source_task"), str) else None,
    )


def _integer(value: object) -> int | None:
    return value if isinstance(value, int) else None


def _open_timm(file: Path, spec: TimmSpec, info: SourceInfo, *, installed: bool = False) -> Source:
    from headstart.sources.bodies.hidden_layers import saved_reading
    from headstart.sources.bodies.weights import Weights
    from headstart.sources.timm import TimmSource
    from headstart.sources.timm_bodies.module import load_weights

    if not file.is_file():
        raise SourceError(f"'{file}' is missing, and pickled weights are never read; save the model as safetensors.")
    if info.sha256 is None:  # read once in full, so later changes of the file are noticed
        digest = file_digest(file)
    else:
        check_digest(file, info.sha256)
        digest = info.sha256.lower()

    def load() -> nn.Module:
        check_digest(file, digest)  # the file may have been replaced since the source was opened
        return load_weights(spec, file)

    info = replace(info, sha256=info.sha256 or digest)
    source = TimmSource(spec, Weights(digest, load, file), info, installed=installed)
    layers, positions = saved_reading(file.parent)
    return source if layers == "blocks" and not positions else source.with_layers(layers, positions=positions)


def _sentence_parts(path: Path) -> tuple[Path, str, int | None]:
    """The transformer's folder, the pooling and the token limit of a sentence-transformers folder."""
    try:
        modules = json.loads(read_start(path / "modules.json"))
        places = {str(entry["type"]).rsplit(".", 1)[-1]: path / _relative_path(entry["path"]) for entry in modules}
    except (ValueError, TypeError, KeyError, OSError, RecursionError) as error:
        raise SourceError(f"'{path / 'modules.json'}' is damaged ({error}); copy the model again.") from error
    others = set(places) - {"Transformer", "Pooling", "Normalize"}
    if "Transformer" not in places or others:
        raise SourceError(
            f"'{path}' has the modules {', '.join(places)}; of sentence-transformers only Transformer, Pooling and "
            "Normalize are supported."
        )
    folder = places["Transformer"]
    settings = folder / "sentence_bert_config.json"
    limit = read_json(settings).get("max_seq_length") if settings.is_file() else None
    pooling = _pooling(places["Pooling"] / "config.json") if "Pooling" in places else "mean"
    return folder, pooling, limit if isinstance(limit, int) else None


def _relative_path(place: object) -> str:
    """The path of a module within the folder; raises `ValueError` for a path that leads outside."""
    # Also refused: drive letters and backslashes, which are path separators on Windows.
    parts = PurePosixPath(str(place)).parts
    if not isinstance(place, str) or "\\" in place or ":" in place or ".." in parts or place.startswith("/"):
        raise ValueError(f"the module {place!r:.40} is not in it")
    return place


def _pooling(file: Path) -> str:
    settings = read_json(file)
    # Older releases write one flag per pooling mode, newer ones a single name.
    old = {"mean": "pooling_mode_mean_tokens", "cls": "pooling_mode_cls_token"}
    chosen = {name for name, key in old.items() if settings.get(key)} | {str(settings.get("pooling_mode", ""))} - {""}
    others = [key for key, on in settings.items() if key.startswith("pooling_mode_") and on is True]
    if len(chosen) != 1 or not chosen <= set(old) or len(others) > 1:
        raise SourceError(f"'{file}' asks for another pooling; only the mean and the first token (cls) are supported.")
    return chosen.pop()


def _open(name: str, modality: Modality | None) -> Source:  # noqa: ARG001 - the caller compares modalities
    return open_local(_path(name))


def _path(name: str) -> Path:
    if not name:
        raise SourceError(f"The source 'local:' needs a path; give {FORMATS}.")
    return Path(name).expanduser()


SCHEME = Scheme("local:PATH", open=_open, describe=lambda name: describe_local(_path(name)), names=lambda: ())
