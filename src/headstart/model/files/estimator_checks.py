"""Checks of the parts of a saved estimator, before anything is built from them.

Compiled code of scikit-learn trusts its arrays. It uses the indices of tree nodes, features and support vectors without
bounds checks, and never ends on a cycle. Each such index is therefore checked here, on plain arrays, against the sizes
in the file itself.
"""

from __future__ import annotations

import io
import json
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["check_parts"]

MOST_OUTPUTS = 1_000_000
MOST_DIGITS = 45  # of an integer; the states of random generators have 39
MAY_BE_NAN = ("constant_",)  # arrays in which NaN marks an unset value
CHILDREN = {"left_child": "right_child", "left": "right"}
MT19937_WORDS = 624
Part = Mapping[str, Any]
Read = Callable[[str], bytes]


class _Checker:
    """A walk through the parts; raises `ValueError` at the first impossible one."""

    def __init__(self, read: Read) -> None:
        self._read = read
        self._seen: dict[Any, Any] = {}

    def walk(self, part: object, owners: tuple[Part, ...] = (), name: str = "") -> None:
        """Check a part and all parts in it.

        Args:
            part: a part of the schema.
            owners: the attributes of the enclosing objects, outermost first.
            name: the attribute that holds the part.
        """
        if isinstance(part, list):
            for inside in part:
                self.walk(inside, owners, name)
            return
        if not isinstance(part, dict):
            return
        self._check_identity(part)
        checks: dict[str, Callable[[Part, tuple[Part, ...], str], None]] = {
            "JsonNode": self._json, "NdArrayNode": self._array, "TreeNode": self._tree, "ObjectNode": self._object,
            "RandomStateNode": self._random_state, "RandomGeneratorNode": self._generator,
        }  # fmt: skip
        check = checks.get(str(part.get("__loader__")))
        if check is not None:
            check(part, owners, name)
        inner = owners
        if part.get("__loader__") == "ObjectNode":
            inner = (*owners, {"__class__": part["__class__"], **self._attributes(part)})
        for key, inside in part.items():
            self.walk(inside, inner, name if key in ("content", "__reduce__", "args") else key)

    def _check_identity(self, part: Part) -> None:
        """Raise if two parts have one id but different content, since skops builds only the first."""
        number = part.get("__id__")
        if number is None:
            return
        if not isinstance(number, int):
            raise ValueError(f"a part of the number {str(number)[:30]}")
        first = self._seen.setdefault(number, part)
        if first is not part and self._content(first) != self._content(part):
            raise ValueError(f"two parts of the number {number}")

    def _content(self, part: object) -> Any:
        """A part without its arbitrary ids and file names, but with the bytes of its files."""
        if isinstance(part, list):
            return [self._content(inside) for inside in part]
        if not isinstance(part, dict):
            return part
        own = {key: self._content(inside) for key, inside in part.items() if key != "__id__"}
        return own | {"file": self._read(part["file"])} if "file" in part else own

    def _attributes(self, part: Part) -> dict[str, Any]:
        content = part.get("content")
        inside = content.get("content") if isinstance(content, dict) else None
        return dict(inside) if isinstance(inside, dict) else {}

    def value(self, part: Any) -> Any:
        """The value of a part of plain values; any other part itself."""
        loader = part.get("__loader__") if isinstance(part, dict) else None
        if loader == "JsonNode":
            return json.loads(part["content"])
        if loader == "NdArrayNode" and part.get("type") == "numpy":
            found = self._loaded(part)
            return found[()] if found.ndim == 0 else found
        if loader in ("ListNode", "TupleNode"):
            return [self.value(one) for one in part["content"]]
        return part

    def _loaded(self, part: Part) -> NDArray[Any]:
        """An array, after a check that all its bytes are in the file, which bounds its size."""
        stream = io.BytesIO(self._read(part["file"]))
        major, _ = np.lib.format.read_magic(stream)
        header = np.lib.format.read_array_header_1_0 if major == 1 else np.lib.format.read_array_header_2_0
        shape, fortran, dtype = header(stream)
        rest = stream.getbuffer()[stream.tell() :]
        if dtype.hasobject or math.prod(shape) * dtype.itemsize != len(rest):
            raise ValueError(f"an array of {len(rest)} bytes that says it is {shape} of {dtype}")
        return np.frombuffer(rest, dtype).reshape(shape, order="F" if fortran else "C")

    def _json(self, part: Part, _: tuple[Part, ...], name: str) -> None:
        found = json.loads(part["content"])
        if isinstance(found, list | dict):
            raise ValueError(f"a nested value as '{name}'")
        if isinstance(found, float) and math.isnan(found):
            raise ValueError(f"NaN as '{name}'")
        if isinstance(found, int) and len(str(abs(found))) > MOST_DIGITS:
            raise ValueError(f"'{name}' of more than {MOST_DIGITS} digits")
        if name == "n_jobs" and found not in (None, 1, -1):
            raise ValueError(f"{found} jobs")

    def _array(self, part: Part, _: tuple[Part, ...], name: str) -> None:
        if part.get("type") != "numpy":
            return
        found = self._loaded(part)
        if found.dtype.kind not in "biufUSV":
            raise ValueError(f"'{name}' of type {found.dtype}")
        if found.dtype.kind == "f" and name not in MAY_BE_NAN and not np.isfinite(found).all():
            raise ValueError(f"NaN or infinite numbers in '{name}'")

    def _object(self, part: Part, owners: tuple[Part, ...], _: str) -> None:
        checks: dict[str, Callable[[Part, Sequence[Part]], None]] = {
            "TreePredictor": self._predictor, "SVC": self._machine, "SVR": self._machine, "_BinMapper": self._bins,
            "HistGradientBoostingClassifier": self._boosting, "HistGradientBoostingRegressor": self._boosting,
        }  # fmt: skip
        check = checks.get(str(part.get("__class__")))
        if check is not None:
            check(self._attributes(part), owners)

    def _tree(self, part: Part, owners: tuple[Part, ...], _: str) -> None:
        features, classes, outputs = self.value(part["__reduce__"]["args"])
        state = {key: self.value(one) for key, one in part["content"]["content"].items()}
        nodes, values = state["nodes"], state["values"]
        _check_integer("the features of a tree", features, 1, 2**31)
        _check_integer("the outputs of a tree", outputs, 1, MOST_OUTPUTS)
        if classes.dtype.kind not in "iu" or classes.shape != (outputs,) or classes.min() < 1:
            raise ValueError(f"the classes of a tree of {outputs} outputs")
        if nodes.ndim != 1 or not len(nodes) or values.shape != (len(nodes), outputs, classes.max()):
            raise ValueError(f"{nodes.shape} nodes with values of shape {values.shape}")
        _check_integer("the depth of a tree", state["max_depth"], 0, len(nodes))
        _check_integer("the nodes of a tree", state["node_count"], len(nodes), len(nodes))
        for owner in owners:
            if "Tree" in owner["__class__"]:
                _check_integer("the columns of a tree", self.value(owner["n_features_in_"]), features, features)
        _check_nodes(nodes, nodes["left_child"] == -1, "left_child", "feature", features)
        _finite("nodes", nodes["threshold"])

    def _predictor(self, state: Part, owners: Sequence[Part]) -> None:
        nodes = self.value(state["nodes"])
        features = self.value(owners[-1]["n_features_in_"])
        _check_integer("the columns of a tree", features, 1, 2**31)
        if nodes.ndim != 1 or not len(nodes) or nodes["is_leaf"].max() > 1 or nodes["is_categorical"].any():
            raise ValueError("nodes of a tree that no fit makes")
        _check_nodes(nodes, nodes["is_leaf"] == 1, "left", "feature_idx", features)
        _finite("nodes", nodes["value"])
        if np.isnan(nodes["num_threshold"]).any():
            raise ValueError("NaN in thresholds")

    def _boosting(self, state: Part, _: Sequence[Part]) -> None:
        if "_predictors" not in state:  # an unfitted template of other estimators
            return
        for name in ("is_categorical_", "_preprocessor"):
            if self.value(state[name]) is not None:
                raise ValueError(f"categories in '{name}', which no head has")
        features = self.value(state["n_features_in_"])
        _check_integer("the columns of the trees", self.value(state["_n_features"]), features, features)
        bins = self._attributes(state["_bin_mapper"])
        if self.value(bins["is_categorical_"]).shape != (features,):
            raise ValueError("bins of another number of columns")

    def _bins(self, state: Part, _: Sequence[Part]) -> None:
        if self.value(state["known_categories"]) is not None or self.value(state["is_categorical_"]).any():
            raise ValueError("categories in bins, which no head has")

    def _machine(self, state: Part, owners: Sequence[Part]) -> None:
        """Libsvm copies by these sizes, and indexes the columns of the kernel matrix by ``support_``."""
        if "support_" not in state:
            return
        get = {name: self.value(part) for name, part in state.items()}
        support, rows = get["support_"], get["n_features_in_"]
        classifies = "classes_" in get
        classes = len(get["classes_"]) if classifies else 2
        pairs = classes * (classes - 1) // 2
        wanted = {
            "support_": (len(support),), "support_vectors_": (0, 0), "_n_support": (classes,),
            "_dual_coef_": (classes - 1, len(support)), "_intercept_": (pairs,), "_probA": (0,), "_probB": (0,),
            "dual_coef_": (classes - 1, len(support)), "intercept_": (pairs,),
        }  # fmt: skip
        for name, shape in wanted.items():
            if get[name].shape != shape:
                raise ValueError(f"'{name}' of shape {get[name].shape} for {len(support)} support vectors")
        if get["kernel"] != "precomputed" or get["_sparse"] is not False or get["_effective_probability"] is not False:
            raise ValueError("a support vector machine of another kind than ours")
        _check_integer("the rows of a kernel", rows, 1, 2**31)
        sizes = [*get["shape_fit_"], *(self.value(one["num_rows_"]) for one in owners[-1:] if "num_rows_" in one)]
        for size in sizes:
            _check_integer("the rows of a kernel", size, rows, rows)
        if len(support) and (support.dtype.kind != "i" or support.min() < 0 or support.max() >= rows):
            raise ValueError("support vectors that are no rows of the kernel")
        counts = get["_n_support"]
        if (counts < 0).any() or (counts.sum() != len(support) if classifies else (counts != len(support)).any()):
            raise ValueError("numbers of support vectors that do not add up")

    def _random_state(self, part: Part, _: tuple[Part, ...], __: str) -> None:
        state = {key: self.value(one) for key, one in part["content"]["content"].items()}
        inner = {key: self.value(one) for key, one in state["state"]["content"].items()}
        _check_integer("the place in a random generator", inner["pos"], 0, MT19937_WORDS)
        if state["bit_generator"] != "MT19937" or inner["key"].shape != (MT19937_WORDS,):
            raise ValueError("a random generator of another kind than ours")

    def _generator(self, part: Part, _: tuple[Part, ...], __: str) -> None:
        kind = self.value(part["content"]["bit_generator"]["content"]["bit_generator"])
        seeds = {key: self.value(one) for key, one in part["content"]["seed_seq"]["content"].items()}
        if kind != "PCG64" or seeds["pool_size"] != 4 or len(seeds["spawn_key"]) > 4:
            raise ValueError("a random generator of another kind than ours")


def _check_nodes(nodes: NDArray[Any], leaves: NDArray[np.bool_], left: str, feature: str, features: int) -> None:
    """Raise unless children come after their parents, as all tree builders write them; then every walk ends."""
    inner = np.flatnonzero(~leaves)
    for name in (left, CHILDREN[left]):
        child = nodes[name][inner].astype(np.int64)
        if (child <= inner).any() or (child >= len(nodes)).any():
            raise ValueError("a tree whose nodes lead back or out of it")
    columns = nodes[feature][inner].astype(np.int64)
    if len(inner) and (columns.min() < 0 or columns.max() >= features):
        raise ValueError(f"a tree that reads other columns than {features}")


def _check_integer(what: str, value: object, low: int, high: int) -> None:
    if not isinstance(value, int | np.integer) or isinstance(value, bool) or not low <= value <= high:
        raise ValueError(f"{what} are {str(value)[:30]}, not {low} to {high}" if low < high else f"{what} differ")


def _finite(name: str, values: NDArray[Any]) -> None:
    if not np.isfinite(values).all():
        raise ValueError(f"NaN or infinite numbers in '{name}'")


def check_parts(parts: Mapping[str, Any], read: Read) -> None:
    """Raise unless every index that compiled code uses is within bounds.

    Args:
        parts: the schema of a skops file, after the check of its types.
        read: returns the bytes of a file in it, by name.

    Raises:
        ValueError: if a value is impossible.
        LookupError: if a part is missing.
        TypeError: if a part is of another type.
        AttributeError: if a part is of another type.

    Examples:
        >>> check_parts({"__loader__": "JsonNode", "__id__": 1, "content": "NaN"}, read=lambda name: b"")
        Traceback (most recent call last):
        ValueError: NaN as ''
    """
    _Checker(read).walk(parts)
