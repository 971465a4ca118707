"""mlflow: an MLflow model by models-from-code, with the run folder as its artefact.

``mlflow.pyfunc.load_model(DIR)`` loads it where Headstart is installed, and ``mlflow models serve -m DIR`` serves it.
The Python of the model is a file of twenty lines, not a pickled object. The signature says what goes in: a column of
texts, a column of the bytes of files (``binary``), or the columns of a table; and what comes out: a column of
probabilities for each label. MLflow's own telemetry is switched off in the process that writes
(``MLFLOW_DISABLE_TELEMETRY`` and ``DO_NOT_TRACK``); where you load the model, it is yours to switch off.

Reference: MLflow, "Models From Code", https://mlflow.org.

Command: headstart export RUN --format mlflow -o DIR
"""

from __future__ import annotations

import logging
import os
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from headstart.errors import MissingExtraError, SourceError
from headstart.export.folders.page import write_licence, write_page
from headstart.export.readers.places import copy_reader
from headstart.export.registry import Written
from headstart.io import write_json
from headstart.model import TransferModel
from headstart.sources.bodies.seeded import example_pictures

__all__ = ["MLFLOW", "Mlflow"]

LOADER = '''"""The model as MLflow runs it: it opens the run folder beside it."""

from __future__ import annotations

from typing import Any

import mlflow
import pandas as pd


class RunModel(mlflow.pyfunc.PythonModel):
    """Probabilities of each label, or the values of a regression, one column each."""

    def load_context(self, context: Any) -> None:
        from headstart import load

        self.model = load(context.artifacts["run"])

    def predict(self, context: Any, model_input: pd.DataFrame, params: Any = None) -> pd.DataFrame:
        one = self.model.source.info.modality != "vector"
        items = model_input.iloc[:, 0].tolist() if one else model_input.to_numpy(float)
        return pd.DataFrame(self.model.predict_proba(items), columns=list(self.model.task.labels))


mlflow.models.set_model(RunModel())
'''
SILENT = ("MLFLOW_DISABLE_TELEMETRY", "DO_NOT_TRACK")
CODE = """
import os
os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"      # MLflow's own, on by default
import mlflow, pandas as pd

model = mlflow.pyfunc.load_model(".")                # the path of this folder
items = pd.DataFrame({{"{column}": [{example}]}})
print(model.predict(items){call})
"""
LIMITS = (
    "It needs Headstart (requirements.txt) and the extras of its source, since the run folder is the model. Its "
    "answers are those of `predict_proba`; abstention and sets are not among them."
)


@dataclass(frozen=True)
class Mlflow:
    """An MLflow model.

    Attributes:
        name: ``"mlflow"``.
        title: what it is.
        banned: nothing: it is Headstart that MLflow runs.

    Examples:
        >>> Mlflow().title, Mlflow().banned
        ('MLflow model by models-from-code', ())
        >>> from headstart import zero_shot
        >>> model = zero_shot(["parcel", "refund"], source="toy", verbose=False)
        >>> signature_of(model)["inputs"]
        [{'name': 'text', 'type': 'string', 'required': True}]
    """

    name: str = "mlflow"
    title: str = "MLflow model by models-from-code"
    banned: tuple[str, ...] = ()

    def write(self, model: TransferModel, folder: Path) -> Written:
        """Write MLmodel and what it names, facts.json, model.py and README.md."""
        found = signature_of(model)
        with without_telemetry(), tempfile.TemporaryDirectory(prefix="headstart-mlflow-") as place:
            from mlflow import pyfunc
            from mlflow.models import ModelSignature

            model.save(Path(place) / "run")
            (Path(place) / "loader.py").write_text(LOADER, encoding="utf-8")
            pyfunc.save_model(
                path=str(folder), python_model=str(Path(place) / "loader.py"),
                artifacts={"run": str(Path(place) / "run")}, pip_requirements=_requirements(),
                signature=ModelSignature.from_dict(_as_json(found)), input_example=_example(model),
            )  # fmt: skip
        columns = [one["name"] for one in found["inputs"]]
        facts = {"task": model.task.kind, "labels": list(model.task.labels), "columns": columns, "input": _kind(model)}
        write_json(folder / "facts.json", facts)
        write_licence(model, folder)
        example = {"text": '"Where is my parcel?"', "file": 'open("item", "rb").read()', "numbers": "0.0"}[_kind(model)]
        call = "" if model.task.kind == "regression" else ".idxmax(axis=1)"
        code = CODE.format(column=columns[0], example=example, call=call)
        write_page(
            model, folder, "An MLflow model", code, limits=LIMITS, needs="pip install -r requirements.txt", alone=False
        )
        packages = ("mlflow-skinny", "headstart", "pandas", "numpy")
        return Written(copy_reader("mlflow_items", folder / "model.py"), packages)


@contextmanager
def without_telemetry() -> Iterator[None]:
    """Switch MLflow's telemetry off in this process, and what it prints while a model is written.

    Raises:
        MissingExtraError: if MLflow is not installed.

    Examples:
        >>> with without_telemetry():
        ...     os.environ["MLFLOW_DISABLE_TELEMETRY"]
        'true'
    """
    for name in SILENT:
        os.environ[name] = "true"
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            import mlflow.pyfunc
        except ImportError as error:
            raise MissingExtraError("The format 'mlflow'", "mlflow") from error
        loggers = [logging.getLogger(name) for name in ("mlflow", mlflow.pyfunc.__name__)]
        levels = [logger.level for logger in loggers]
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        try:
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)


def signature_of(model: TransferModel) -> dict[str, list[dict[str, Any]]]:
    """The columns that go in and come out, as MLflow's schemas.

    Args:
        model: of texts, pictures, sounds or rows of numbers.

    Raises:
        SourceError: for items of several columns.
    """
    kind = _kind(model)
    if kind == "numbers":
        width = model.head.feature_map.num_inputs
        names = list(model.columns) if len(model.columns) == width else [f"x{k}" for k in range(width)]
        inputs = [(name, "double") for name in names]
    else:
        inputs = [("text", "string")] if kind == "text" else [(str(model.source.info.modality), "binary")]
    outputs = [(label, "double") for label in model.task.labels]
    return {
        side: [{"name": name, "type": of, "required": True} for name, of in columns]
        for side, columns in (("inputs", inputs), ("outputs", outputs))
    }


def _as_json(signature: dict[str, list[dict[str, Any]]]) -> dict[str, str]:
    import json

    return {side: json.dumps(columns) for side, columns in signature.items()}


def _kind(model: TransferModel) -> str:
    modality = model.source.info.modality
    kinds = {"text": "text", "image": "file", "audio": "file", "vector": "numbers"}
    if modality not in kinds or model.task.unit != "item":
        raise SourceError(
            f"The format 'mlflow' holds models of texts, pictures, sounds or rows of numbers with one answer for each "
            f"item. Got one of {modality} items with an answer for each {model.task.unit}."
        )
    return kinds[modality]


def _requirements() -> list[str]:
    return [f"{name}=={version(name)}" for name in ("headstart", "mlflow-skinny", "pandas")]


def _example(model: TransferModel) -> Any:
    """One item as it goes in; None for a sound, since none is small."""
    import io

    import pandas as pd
    from PIL import Image

    kind, modality = _kind(model), model.source.info.modality
    names = [one["name"] for one in signature_of(model)["inputs"]]
    if kind == "numbers":
        return pd.DataFrame([[0.0] * len(names)], columns=names)
    if kind == "text":
        return pd.DataFrame([["Where is my parcel?"]], columns=names)
    if modality != "image":
        return None
    out = io.BytesIO()
    Image.fromarray(example_pictures(1)[0]).save(out, "PNG")
    return pd.DataFrame([[out.getvalue()]], columns=names)


MLFLOW = Mlflow()
