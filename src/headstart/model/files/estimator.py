"""``head.skops``: a fitted scikit-learn estimator, as arrays and named types from the list in this module.

Nothing is unpickled. The file names the class of each part. All names are compared with the list before anything is
imported or built, so a file that names another type is refused unread. Then the numbers that compiled code relies on
are checked (`headstart.model.files.estimator_checks`), and only then is the estimator built.
"""

from __future__ import annotations

import json
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from headstart.errors import ModelFolderError, SaveError
from headstart.heads.estimator.protocols import Estimator
from headstart.model.files.estimator_checks import check_parts

__all__ = ["ALLOWED", "read_estimator", "write_estimator"]

MAX_BYTES = 2 << 30  # unpacked: four times a forest of a hundred deep trees for a hundred classes
MAX_SCHEMA_BYTES = 256 << 20
TIMES_READ, SPARE_BYTES = 4, 64 << 20  # the checks read at most 4 times the unpacked bytes, plus 64 MiB
MAX_FILES = 1_000_000
MAX_DEPTH = 200

_OURS = {
    "attention": "AttentionHead", "cell": "CellHead", "contenders.closed_form": "ClosedForm",
    "estimator.per_output": "OneByOne",
    "gaussian_process": "GaussianProcess", "knn": "KNearestNeighbours", "laplace": "LastLayerLaplace",
    "logistic": "MultinomialLogisticRegression", "nearest_mean": "NearestMean", "ordinal": "ProportionalOdds",
    "prototypes": "ClassPrototypes", "random_features": "RandomFeatures", "siamese": "SiameseMetric",
    "stacking": "HeadStacking", "svm": "SupportVectorClassifier SupportVectorRegressor",
}  # fmt: skip
# Former modules of classes, which the files of older models name.
_MOVED = {
    "headstart.heads.closed_form": "headstart.heads.contenders.closed_form",
    "headstart.heads.one_by_one": "headstart.heads.estimator.per_output",
}
_OBJECTS = {f"headstart.heads.{module}": names for module, names in _OURS.items()} | {
    "sklearn._loss.link": "IdentityLink Interval LogitLink MultinomialLogit",
    "sklearn._loss.loss": "HalfBinomialLoss HalfMultinomialLoss HalfSquaredError",
    "sklearn.decomposition._pca": "PCA",
    "sklearn.ensemble._forest": "ExtraTreesClassifier ExtraTreesRegressor",
    "sklearn.ensemble._hist_gradient_boosting.binning": "_BinMapper",
    "sklearn.ensemble._hist_gradient_boosting.gradient_boosting": (
        "HistGradientBoostingClassifier HistGradientBoostingRegressor"
    ),
    "sklearn.ensemble._hist_gradient_boosting.predictor": "TreePredictor",
    "sklearn.gaussian_process._gpr": "GaussianProcessRegressor",
    "sklearn.gaussian_process.kernels": "ConstantKernel Product RBF Sum WhiteKernel",
    "sklearn.linear_model._bayes": "BayesianRidge",
    "sklearn.naive_bayes": "GaussianNB",
    "sklearn.neighbors._nca": "NeighborhoodComponentsAnalysis",
    "sklearn.neural_network._multilayer_perceptron": "MLPClassifier MLPRegressor",
    "sklearn.neural_network._stochastic_optimizers": "AdamOptimizer",
    "sklearn.pipeline": "Pipeline",
    "sklearn.preprocessing._data": "StandardScaler",
    "sklearn.preprocessing._label": "LabelBinarizer LabelEncoder",
    "sklearn.svm._classes": "SVC SVR",
    "sklearn.tree._classes": "DecisionTreeClassifier DecisionTreeRegressor ExtraTreeClassifier ExtraTreeRegressor",
}
_OTHERS = {
    ("DictNode", "builtins"): "dict",
    ("JsonNode", "builtins"): "str",
    ("ListNode", "builtins"): "list",
    ("LossNode", "sklearn._loss._loss"): "CyHalfBinomialLoss CyHalfMultinomialLoss CyHalfSquaredError",
    ("NdArrayNode", "numpy"): "bool bool_ float32 float64 int32 int64 ndarray uint32 uint64 uint8",
    ("RandomGeneratorNode", "numpy.random._generator"): "Generator",
    ("RandomStateNode", "numpy.random.mtrand"): "RandomState",
    ("TreeNode", "sklearn.tree._tree"): "Tree",
    ("TupleNode", "builtins"): "tuple",
    ("TypeNode", "builtins"): "str",
}

# (skops loader, module, name) of every part that a saved head may have.
ALLOWED = frozenset(
    {("ObjectNode", module, name) for module, names in _OBJECTS.items() for name in names.split()}
    | {(loader, module, name) for (loader, module), names in _OTHERS.items() for name in names.split()}
)


def write_estimator(path: Path, estimator: Estimator) -> None:
    """Write a fitted estimator, all of whose parts have types that `read_estimator` accepts.

    Args:
        path: the file to write.
        estimator: the fitted estimator.

    Raises:
        SaveError: if it has a part of another type, as a third party's head may.

    Examples:
        >>> import tempfile
        >>> from sklearn.naive_bayes import GaussianNB
        >>> path = Path(tempfile.mkdtemp()) / "head.skops"
        >>> write_estimator(path, GaussianNB().fit([[0.0], [1.0]], [0, 1]))
        >>> read_estimator(path).predict([[0.9]])
        array([1])
    """
    from skops.io import dump

    dump(estimator, path, compression=zipfile.ZIP_DEFLATED)
    try:
        _checked(path)
    except ModelFolderError as error:
        raise SaveError(
            f"The head {type(estimator).__name__} cannot be saved: a model file holds only the types that "
            f"headstart.model.files.estimator lists, and it has another one; choose another head, or list it ({error})"
        ) from None


def read_estimator(path: Path) -> Any:
    """The estimator that `write_estimator` wrote.

    Raises:
        ModelFolderError: if the file is missing, damaged, too large, or names a type that is not listed.

    Examples:
        >>> read_estimator(Path("nowhere.skops"))
        Traceback (most recent call last):
        headstart.errors.ModelFolderError: 'nowhere.skops' is missing; the folder is not complete.
    """
    from skops.io import load
    from skops.io.exceptions import UntrustedTypesFoundException

    if not path.is_file():
        raise ModelFolderError(f"'{path}' is missing; the folder is not complete.")
    _checked(path)
    try:
        with _with_current_modules(path) as current:
            return load(current, trusted=sorted({f"{module}.{name}" for _, module, name in ALLOWED}))
    except UntrustedTypesFoundException as error:
        raise ModelFolderError(f"'{path}' names types that no head has ({error}); it was not loaded.") from None
    except Exception as error:  # a damaged file can make the reader raise any error
        raise ModelFolderError(f"'{path}' is damaged ({error!r:.200}); copy or fit the model again.") from error


def _checked(path: Path) -> None:
    """Raise `ModelFolderError` unless the file is of a bounded size, names listed types only, and passes the checks."""
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            size = sum(entry.file_size for entry in entries)
            schema = archive.getinfo("schema.json").file_size
            if size > MAX_BYTES or schema > MAX_SCHEMA_BYTES or len(entries) > MAX_FILES:
                raise ModelFolderError(
                    f"'{path}' unpacks to {size} bytes in {len(entries)} parts, more than any head has; not loaded."
                )
            if len({entry.filename for entry in entries}) < len(entries):
                raise ModelFolderError(f"'{path}' holds two files of one name; copy or fit the model again.")
            parts = json.loads(archive.read("schema.json"), object_hook=_renamed)
            _check_types(parts, path)
            check_parts(parts, _bounded(archive, TIMES_READ * size + SPARE_BYTES))
    except (
        zipfile.BadZipFile, zlib.error, ArithmeticError, AttributeError, OSError, LookupError, RuntimeError, TypeError,
        ValueError, MemoryError, NotImplementedError, EOFError,
    ) as error:  # fmt: skip
        reason = str(error) if type(error) is ValueError else repr(error)
        raise ModelFolderError(f"'{path}' is damaged ({reason:.200}); copy or fit the model again.") from error


def _renamed(part: dict[str, Any]) -> dict[str, Any]:
    """A part with the current module of its class."""
    module = part.get("__module__")
    return part | {"__module__": _MOVED[module]} if isinstance(module, str) and module in _MOVED else part


@contextmanager
def _with_current_modules(path: Path) -> Iterator[Path]:
    """The file itself, or a temporary copy with current module names where it was written by an older version."""
    with zipfile.ZipFile(path) as archive:
        written = archive.read("schema.json")
        if not any(f'"{module}"'.encode() in written for module in _MOVED):
            yield path
            return
        schema = json.dumps(json.loads(written, object_hook=_renamed))
        with tempfile.TemporaryDirectory(prefix="headstart-head-") as scratch:
            copy = Path(scratch) / path.name
            with zipfile.ZipFile(copy, "w") as renamed:
                for entry in archive.infolist():
                    text = schema if entry.filename == "schema.json" else archive.read(entry)
                    renamed.writestr(entry.filename, text)
            yield copy


def _bounded(archive: zipfile.ZipFile, most: int) -> Callable[[str], bytes]:
    """A reader of the files in an archive, with a total limit, since many parts may name, and so unpack, one file."""
    left = most

    def read(name: str) -> bytes:
        nonlocal left
        left -= archive.getinfo(name).file_size
        if left < 0:
            raise ValueError("parts that name the same files again and again")
        return archive.read(name)

    return read


def _check_types(parts: object, path: Path) -> None:
    for named in _named(parts, 0):
        if named not in ALLOWED:
            loader, module, name = named
            raise ModelFolderError(
                f"'{path}' holds a part of type '{module}.{name}' ({loader}), which no head of headstart has; it was "
                "not loaded."
            )


def _named(part: object, depth: int) -> Iterator[tuple[str, str, str]]:
    """(loader, module, name) of a part and all parts in it; raises `ModelFolderError` if they are nested too deeply."""
    if depth > MAX_DEPTH:
        raise ModelFolderError(
            "The parts of a saved head are nested more deeply than in any real head; it was not loaded."
        )
    if isinstance(part, dict):
        if {"__class__", "__module__", "__loader__"} & set(part):
            yield str(part.get("__loader__")), str(part.get("__module__")), str(part.get("__class__"))
        for inside in part.values():
            yield from _named(inside, depth + 1)
    elif isinstance(part, list):
        for inside in part:
            yield from _named(inside, depth + 1)
