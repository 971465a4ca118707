"""sklearn: the head alone as a pipeline of scikit-learn, in a file of skops.

``head.skops`` holds stock classes only: a selection of columns with their unit norm, `StandardScaler`, and
`LogisticRegression`, `OneVsRestClassifier` or `LinearRegression` with the head's weights, calibration included. Nothing
is pickled, and ``facts.json`` lists the types that skops asks to trust (none, with the release that wrote it). It reads
the rows that the source of the model computes, or the columns of a table; the body is not in it.

Reference: Pedregosa et al. 2011, "Scikit-learn: Machine Learning in Python".

Command: headstart export RUN --format sklearn -o DIR
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from headstart.errors import SourceError
from headstart.export.checking.heads import refuse_head
from headstart.export.checking.reference import exact_rows
from headstart.export.folders.linear_layer import calibration_terms
from headstart.export.folders.page import write_page
from headstart.export.readers.places import copy_reader
from headstart.export.registry import Written
from headstart.heads import FeatureMap
from headstart.io import write_json
from headstart.model import TransferModel
from headstart.tasks import is_classification, is_multilabel

__all__ = ["SKLEARN", "Sklearn", "as_pipeline"]

CODE = """
import json
import numpy as np
import skops.io

facts = json.load(open("facts.json"))
head = skops.io.load("head.skops", trusted=facts["trusted_types"])
rows = np.zeros((1, {width}))                        # rows of '{source}', {blocks}
print(head.{call}(rows))
"""
LIMITS = (
    "It holds the head, not the body: it reads rows of {width} features, in the order of the blocks that facts.json "
    "lists. skops loads it into the scikit-learn release that wrote it ({release}) or one that reads its attributes."
)


@dataclass(frozen=True)
class Sklearn:
    """A pipeline of scikit-learn in a file of skops.

    Attributes:
        name: ``"sklearn"``.
        title: what it is.
        banned: Headstart and torch.

    Examples:
        >>> import tempfile
        >>> from headstart import fit
        >>> rows = np.repeat([[0.0, 1.0], [1.0, 0.0]], 10, axis=0) + np.arange(40).reshape(20, 2) / 100
        >>> model = fit((rows, ["left"] * 10 + ["right"] * 10), heads=["ridge"], verbose=False).model
        >>> folder = Path(tempfile.mkdtemp()) / "left-or-right"
        >>> model.export("sklearn", folder, check=rows).parity.flips
        0
        >>> sorted(path.name for path in folder.iterdir())
        ['README.md', 'facts.json', 'head.skops', 'model.py', 'parity.json']
    """

    name: str = "sklearn"
    title: str = "the head as a scikit-learn pipeline"
    banned: tuple[str, ...] = ("headstart", "torch")

    def write(self, model: TransferModel, folder: Path) -> Written:
        """Write head.skops, facts.json, model.py and README.md."""
        import skops.io

        file = folder / "head.skops"
        skops.io.dump(as_pipeline(model, self.name), file)
        blocks = [{"name": block.name, "width": block.width} for block in model.source.info.blocks]
        write_json(
            folder / "facts.json",
            {
                "task": model.task.kind, "labels": list(model.task.labels), "columns": list(model.columns),
                "source": model.source.info.name, "blocks": blocks, "num_features": model.head.feature_map.num_inputs,
                "trusted_types": skops.io.get_untrusted_types(file=file), "scikit_learn": version("scikit-learn"),
                "skops": version("skops"),
            },
        )  # fmt: skip
        width = model.head.feature_map.num_inputs
        layout = " + ".join(f"{one['name']} {one['width']}" for one in blocks) or ", ".join(model.columns) or "in order"
        call = "predict" if model.task.kind == "regression" else "predict_proba"
        code = CODE.format(width=width, source=model.source.info.name, blocks=layout, call=call)
        limits = LIMITS.format(width=width, release=version("scikit-learn"))
        write_page(
            model, folder, "The head in scikit-learn", code, limits=limits, needs="pip install scikit-learn skops"
        )
        rows = partial(_rows, model)
        reader = copy_reader("sklearn_rows", folder / "model.py")
        return Written(reader, ("scikit-learn", "skops", "numpy"), prepared=rows, items=rows)


def _rows(model: TransferModel, items: Sequence[Any], folder: Path) -> list[Any]:  # noqa: ARG001 (one contract)
    found: list[Any] = np.asarray(exact_rows(model, items), np.float64).tolist()
    return found


def as_pipeline(model: TransferModel, name: str) -> Any:
    """The head of a model, its features and its calibration as a fitted pipeline of stock classes.

    Args:
        model: the model.
        name: of the format, for messages.

    Raises:
        SourceError: if the head is not linear, or its calibration is none of a stock class.

    Examples:
        >>> from headstart import fit
        >>> rows = np.repeat([[0.0, 1.0], [1.0, 0.0]], 10, axis=0) + np.arange(40).reshape(20, 2) / 100
        >>> model = fit((rows, ["left"] * 10 + ["right"] * 10), heads=["lda"], verbose=False).model
        >>> found = as_pipeline(model, "sklearn").predict_proba(rows)
        >>> bool(np.abs(found - model.predict_proba(rows)).max() < 1e-12)
        True
    """
    from sklearn.pipeline import Pipeline

    refuse_head(model, name)
    if "chance" in model.head.calibration:
        raise SourceError(
            f"The calibration of this model mixes probabilities with chance, which no class of scikit-learn does, so "
            f"the format '{name}' cannot hold it; use the format 'onnx', or fit again with the default calibration."
        )
    return Pipeline([*_feature_steps(model.head.feature_map), ("head", _estimator(model))])


def _feature_steps(features: FeatureMap) -> list[tuple[str, Any]]:
    from sklearn.compose import ColumnTransformer
    from sklearn.preprocessing import Normalizer, StandardScaler

    width, steps = features.num_inputs, []
    given = np.zeros((1, width))
    whole = features.blocks == ((0, width),) and features.block_scalings == ("none",)
    if not whole:
        parts = [
            (f"block{k}", Normalizer() if scaling == "unit_norm" else "passthrough", list(range(start, stop)))
            for k, ((start, stop), scaling) in enumerate(zip(features.blocks, features.block_scalings, strict=True))
        ]
        steps.append(("blocks", ColumnTransformer(parts).fit(given)))
        width = sum(stop - start for start, stop in features.blocks)
    if features.columns.size:
        kept = ColumnTransformer([("kept", "passthrough", features.columns.tolist())])
        steps.append(("columns", kept.fit(np.zeros((1, width)))))
        width = len(features.columns)
    if features.shift.size or features.scale.size:
        scaler = StandardScaler().fit(np.zeros((1, width)))
        scaler.mean_ = features.shift if features.shift.size else np.zeros(width)
        scaler.scale_ = features.scale if features.scale.size else np.ones(width)
        scaler.var_ = scaler.scale_**2
        steps.append(("scaler", scaler))
    return steps


def _estimator(model: TransferModel) -> Any:
    """The linear map and the calibration."""
    from sklearn.linear_model import LinearRegression

    factor, offset = calibration_terms(model.head.calibration)
    weight, bias = (model.head.weight * factor).T, model.head.bias * factor + offset
    if is_classification(model.task):
        if len(bias) == 2:
            weight, bias = weight[1:] - weight[:1], bias[1:] - bias[:1]
        return _logistic(weight, bias, np.array(model.task.labels))
    if is_multilabel(model.task):
        return _one_for_each(weight, bias)
    found = LinearRegression()
    found.coef_, found.intercept_, found.n_features_in_ = weight, bias, weight.shape[1]
    return found


def _logistic(weight: Any, bias: Any, classes: Any) -> Any:
    from sklearn.linear_model import LogisticRegression

    found = LogisticRegression()
    found.coef_, found.intercept_, found.classes_ = weight, bias, classes
    found.n_features_in_, found.n_iter_ = weight.shape[1], np.zeros(1, np.int32)
    return found


def _one_for_each(weight: Any, bias: Any) -> Any:
    from sklearn.linear_model import LogisticRegression
    from sklearn.multiclass import OneVsRestClassifier
    from sklearn.preprocessing import LabelBinarizer

    found = OneVsRestClassifier(LogisticRegression())
    places = np.array([0, 1])
    found.estimators_ = [_logistic(weight[k : k + 1], bias[k : k + 1], places) for k in range(len(bias))]
    found.label_binarizer_ = LabelBinarizer().fit(np.eye(len(bias), dtype=int))
    found.classes_, found.n_features_in_ = found.label_binarizer_.classes_, weight.shape[1]
    return found


SKLEARN = Sklearn()
