"""Files of a checkpoint folder of transformers: their digests, and copying them."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from headstart.errors import ModelFolderError
from headstart.io import file_digest, write_json

__all__ = [
    "PROCESSOR_FILES",
    "TOKENIZER_FILES",
    "WEIGHT_FILES",
    "copy_files",
    "files_digest",
    "weights_digest",
    "write_sentence_files",
]

TOKENIZER_FILES = (
    "tokenizer*.json", "vocab*", "merges.txt", "special_tokens_map.json", "added_tokens.json", "*.model",
)  # fmt: skip
PROCESSOR_FILES = ("preprocessor_config.json", "processor_config.json")
WEIGHT_FILES = ("*.safetensors", "*.safetensors.index.json")


def _files(folder: Path, patterns: Sequence[str]) -> list[Path]:
    """The matching files of the folder itself; its subfolders hold adapters and weights in other formats."""
    return sorted({file for pattern in patterns for file in folder.glob(pattern) if file.is_file()})


def weights_digest(folder: Path) -> str:
    """The sha256 digest of the weights; for several files, the digest of their digests.

    Examples:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> _ = (folder / "model.safetensors").write_bytes(b"")
        >>> weights_digest(folder)[:8]
        'e3b0c442'
    """
    digests = [file_digest(file) for file in _files(folder, ["*.safetensors"])]
    return digests[0] if len(digests) == 1 else hashlib.sha256("".join(digests).encode()).hexdigest()


def files_digest(folder: Path, patterns: Sequence[str]) -> str:
    """The sha256 digest of the names and contents of a few small files.

    Examples:
        >>> files_digest(Path("nowhere"), ["config.json"])[:8]
        'e3b0c442'
    """
    # sorted by name, so the digest does not depend on the order of a directory listing
    lines = [f"{file.name} {file_digest(file)}\n" for file in _files(folder, patterns)]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def copy_files(folder: Path, place: Path, patterns: Sequence[str]) -> None:
    """Copy the matching files, config.json and the model card into ``place``, which is created if needed.

    Raises:
        ModelFolderError: if the folder has no config.json, or lacks the weights that are asked for.

    Examples:
        >>> import tempfile
        >>> folder, place = Path(tempfile.mkdtemp()), Path(tempfile.mkdtemp())
        >>> copy_files(folder, place, [])
        Traceback (most recent call last):
        headstart.errors.ModelFolderError: '...config.json' is missing; copy the model again.
        >>> _ = (folder / "config.json").write_text("{}")
        >>> copy_files(folder, place, ["*.txt"])
        >>> [file.name for file in place.iterdir()]
        ['config.json']
    """
    for needed in ["config.json", *(pattern for pattern in patterns if pattern == WEIGHT_FILES[0])]:
        if not _files(folder, [needed]):
            raise ModelFolderError(f"'{folder / needed}' is missing; copy the model again.")
    place.mkdir(parents=True, exist_ok=True)
    for file in _files(folder, ["config.json", "README.md", *patterns]):
        shutil.copyfile(file, place / file.name)  # follows the links of the hub's cache


def write_sentence_files(folder: Path, *, pooling: str, max_length: int, width: int) -> None:
    """Write the files that turn a folder of transformers into one of sentence-transformers.

    Args:
        folder: holds the checkpoint.
        pooling: ``"mean"`` or ``"cls"``.
        max_length: number of tokens to keep of a text.
        width: width of the last layer.

    Examples:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> write_sentence_files(folder, pooling="mean", max_length=128, width=384)
        >>> sorted(file.name for file in folder.iterdir())
        ['1_Pooling', 'modules.json', 'sentence_bert_config.json']
    """
    kinds = (("", "Transformer"), ("1_Pooling", "Pooling"))
    modules = [
        {"idx": k, "name": str(k), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for k, (path, kind) in enumerate(kinds)
    ]
    (folder / "modules.json").write_text(json.dumps(modules, indent=2) + "\n", encoding="utf-8")
    write_json(folder / "sentence_bert_config.json", {"max_seq_length": max_length, "do_lower_case": False})
    (folder / "1_Pooling").mkdir(exist_ok=True)
    settings: Mapping[str, Any] = {
        "word_embedding_dimension": width,
        "pooling_mode_cls_token": pooling == "cls",
        "pooling_mode_mean_tokens": pooling == "mean",
    }
    write_json(folder / "1_Pooling" / "config.json", settings)
