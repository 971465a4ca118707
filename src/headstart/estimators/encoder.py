"""The features of a pretrained body as a scikit-learn transformer."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import TransformerMixin
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted, validate_data

from headstart.engine.extract import extract
from headstart.engine.options import Engine
from headstart.errors import ModelFolderError, ParameterError
from headstart.estimators.fitting import items_of, tags_for
from headstart.estimators.pickling import PicklableEstimator
from headstart.io import atomic_folder, check_replaceable, read_json, write_json
from headstart.params import check_choice
from headstart.sources import open_saved, open_source
from headstart.sources.default import source_for
from headstart.types import Source

__all__ = ["TransferEncoder"]

LAYERS = ("last", "all")


class TransferEncoder(TransformerMixin, PicklableEstimator):  # type: ignore[misc]
    """Items to the features of a pretrained body, as a transformer.

    Args:
        source: name of the source, an open source, or None for the installed source that suits the items of ``fit``.
        layers: ``"last"`` for the body's usual output, ``"all"`` for the pooled outputs of all blocks side by side.
        backend: what runs the body: ``"auto"``, ``"openvino"``, ``"torch"``, ``"cuda"`` or ``"mps"``.
        cache: whether features are read from the feature store and kept there; default True.

    Attributes:
        source_: the open source.
        n_features_in_: columns of X, with ``source="vector"``.

    References:
        Evci et al., "Head2Toe: Utilizing Intermediate Representations for Better Transfer Learning", ICML 2022.

    Examples:
        >>> TransferEncoder(source="vector").fit_transform([[1.0, 2.0]])
        array([[1., 2.]])
    """

    def __init__(
        self, source: str | Source | None = None, *, layers: str = "last", backend: str = "auto", cache: bool = True
    ) -> None:
        self.source = source
        self.layers = layers
        self.backend = backend
        self.cache = cache

    def fit(self, X: Any, y: object = None) -> Self:  # noqa: ARG002, N803 (scikit-learn's signature)
        """Open the source; nothing is fitted to X."""
        check_choice(self.layers, "layers", "TransferEncoder", LAYERS)
        Engine(self.backend, self.cache)
        if self.source == "vector":
            validate_data(self, X, dtype=[np.float64, np.float32])
            self.source_ = open_source("vector")
        else:
            dataset = items_of(X)
            if isinstance(self.source, str) and self.source == "auto":
                raise ParameterError(
                    "An encoder has no labels to rank sources by, as source='auto' requires; leave 'source' out for "
                    "the installed one, or name one."
                )
            self.source_ = source_for(dataset, self.source)
        return self

    def transform(self, X: Any) -> NDArray[Any]:  # noqa: N803 (scikit-learn's name)
        """Features (n, d) of n items."""
        check_is_fitted(self)
        if self.source == "vector":
            return np.asarray(validate_data(self, X, reset=False, dtype=[np.float64, np.float32]))
        rows = extract(self.source_, items_of(X).items, engine=Engine(self.backend, self.cache), on_error="raise").rows
        blocks = self.source_.info.blocks
        return rows[:, -blocks[-1].width :] if self.layers == "last" and blocks else rows

    def save_pretrained(self, folder: str | Path) -> Path:
        """Write a folder that `from_pretrained` opens: the source's reference, and its checkpoint where it has one."""
        check_is_fitted(self)
        check_replaceable(Path(folder))
        with atomic_folder(Path(folder)) as scratch:
            reference = dict(self.source_.save(scratch / "body"))
            facts = {"layers": self.layers, "reference": reference, "modality": self.source_.info.modality}
            write_json(scratch / "config.json", {"model_type": "headstart", "encoder": facts})
        return Path(folder)

    @classmethod
    def from_pretrained(cls, folder: str | Path) -> Self:
        """Open a saved encoder, ready to transform.

        Raises:
            ModelFolderError: if the folder is not an encoder.
            SourceError: if its source cannot be opened here.
        """
        saved = read_json(Path(folder) / "config.json").get("encoder")
        if not isinstance(saved, dict) or saved.get("layers") not in LAYERS:
            raise ModelFolderError(
                f"'{folder}' is not an encoder; give a folder that TransferEncoder.save_pretrained wrote."
            )
        source = open_saved(saved.get("reference", {}), Path(folder) / "body", saved.get("modality", "vector"))
        encoder = cls("vector" if source.info.name == "vector" else source, layers=saved["layers"])
        encoder.source_ = source
        return encoder

    def get_feature_names_out(self, input_features: ArrayLike | None = None) -> NDArray[np.object_]:  # noqa: ARG002 (scikit-learn's signature)
        """Names such as ``"blocks.3_17"``, one per column."""
        check_is_fitted(self)
        blocks = self.source_.info.blocks
        if not blocks:
            return np.array([f"x{i}" for i in range(self.n_features_in_)], dtype=object)
        kept = blocks if self.layers == "all" else blocks[-1:]
        return np.array([f"{block.name}_{i}" for block in kept for i in range(block.width)], dtype=object)

    def __sklearn_tags__(self) -> Tags:
        tags = tags_for(super().__sklearn_tags__(), self.source)
        tags.requires_fit = True
        return tags
