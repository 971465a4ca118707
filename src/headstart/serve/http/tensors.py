"""Tensors of the Open Inference Protocol: JSON, and the extension that sends their bytes behind it.

Reference: kserve/open-inference-protocol, "Open Inference Protocol (V2)" and its extension for binary tensor data.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.serve.http.bodies import parse_json
from headstart.serve.http.errors import RequestError

__all__ = ["DTYPES", "Tensor", "parse_infer", "write_tensors"]

DTYPES = {
    "BOOL": "?", "UINT8": "u1", "UINT16": "<u2", "UINT32": "<u4", "UINT64": "<u8", "INT8": "i1", "INT16": "<i2",
    "INT32": "<i4", "INT64": "<i8", "FP16": "<f2", "FP32": "<f4", "FP64": "<f8",
}  # fmt: skip
LENGTH = struct.Struct("<I")  # before each element of BYTES
MOST_DIMENSIONS = 8
MOST_DIGITS = 10  # of a length in a header


@dataclass(frozen=True, eq=False)
class Tensor:
    """A tensor with its name.

    Attributes:
        name: of the input or output.
        datatype: ``"BYTES"``, or a name in `DTYPES`.
        shape: of the tensor.
        data: an array of that shape; for ``"BYTES"`` a flat list of bytes, or of texts where JSON held texts.

    Examples:
        >>> Tensor("label", "BYTES", (1,), [b"up"]).count
        1
    """

    name: str
    datatype: str
    shape: tuple[int, ...]
    data: Any

    @property
    def count(self) -> int:
        """How many elements it has."""
        return math.prod(self.shape)


def parse_infer(raw: bytes, json_length: str | None) -> tuple[dict[str, Any], list[Tensor]]:
    """The JSON of an inference request, and its inputs.

    Args:
        raw: the body.
        json_length: the header Inference-Header-Content-Length: how long the JSON is; None if it is all JSON.

    Raises:
        RequestError: 400, with what is wrong with which tensor.

    Examples:
        >>> body = b'{"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 2], "data": [[1, 2.5]]}]}'
        >>> parse_infer(body, None)[1][0].data
        array([[1. , 2.5]], dtype=float32)
    """
    length = len(raw)
    if json_length is not None:
        is_number = json_length.isascii() and json_length.isdecimal() and len(json_length) <= MOST_DIGITS
        if not is_number or int(json_length) > len(raw):
            raise RequestError(400, "The header Inference-Header-Content-Length does not fit the body.")
        length = int(json_length)
    body = parse_json(raw[:length])
    inputs = body.get("inputs") if isinstance(body, dict) else None
    if not isinstance(body, dict) or not isinstance(inputs, list) or not inputs:
        raise RequestError(400, "The body must be an object with 'inputs', a list of at least one tensor.")
    rest = memoryview(raw)[length:]
    tensors = []
    for given in inputs:
        tensor, used = _tensor(given, rest)
        tensors.append(tensor)
        rest = rest[used:]
    if len(rest):
        raise RequestError(400, f"The body has {len(rest)} bytes that belong to no tensor.")
    return body, tensors


def _tensor(given: Any, rest: memoryview) -> tuple[Tensor, int]:
    """One input, and how many of the bytes behind the JSON it took."""
    if not isinstance(given, dict):
        raise RequestError(400, "Each input must be an object with 'name', 'datatype', 'shape' and 'data'.")
    name, datatype, shape = given.get("name"), given.get("datatype"), given.get("shape")
    if not isinstance(name, str) or not isinstance(datatype, str):
        raise RequestError(400, "Each input must have a 'name' and a 'datatype', which are texts.")
    what = f"input {name[:60]!r}"
    if datatype != "BYTES" and datatype not in DTYPES:
        raise RequestError(400, f"The datatype of {what} must be BYTES or one of {', '.join(DTYPES)}.")
    if not isinstance(shape, list) or not 0 < len(shape) <= MOST_DIMENSIONS or not all(map(_is_size, shape)):
        raise RequestError(400, f"The shape of {what} must be a list of 1 to {MOST_DIMENSIONS} whole numbers.")
    if 0 in shape[1:]:  # without elements, such a shape could still stand for billions of empty items
        raise RequestError(400, f"The shape of {what} may be 0 in its first dimension only.")
    parameters = given.get("parameters")
    size = parameters.get("binary_data_size") if isinstance(parameters, dict) else None
    if size is None:
        data = _of_json(given.get("data"), datatype, shape, what)
        return Tensor(name, datatype, tuple(shape), data), 0
    if not _is_size(size) or size > len(rest):
        raise RequestError(400, f"The binary_data_size of {what} does not fit the body.")
    return Tensor(name, datatype, tuple(shape), _of_bytes(rest[:size], datatype, shape, what)), size


def _is_size(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**31


def _of_json(data: Any, datatype: str, shape: Sequence[int], what: str) -> Any:
    if not isinstance(data, list):
        raise RequestError(400, f"The 'data' of {what} must be a list.")
    if datatype == "BYTES":
        flat = _flat(data)
        if len(flat) != math.prod(shape) or not all(isinstance(one, str) for one in flat):
            raise RequestError(400, f"The 'data' of {what} must hold {math.prod(shape)} texts.")
        return flat
    try:
        with np.errstate(all="ignore"):  # a number that is too large for the type becomes infinite, and is refused
            found = np.array(data, dtype=DTYPES[datatype])
        return found.reshape(shape)
    except (ValueError, TypeError, OverflowError):
        raise RequestError(400, f"The 'data' of {what} must hold {math.prod(shape)} numbers of {datatype}.") from None


def _flat(data: list[Any]) -> list[Any]:
    """The elements of nested lists, in their order; nesting is as deep as JSON allows, so there is no recursion."""
    out: list[Any] = []
    pending: list[Any] = [data]
    while pending:
        one = pending.pop()
        if isinstance(one, list):
            pending.extend(reversed(one))
        else:
            out.append(one)
    return out


def _of_bytes(raw: memoryview, datatype: str, shape: Sequence[int], what: str) -> Any:
    if datatype != "BYTES":
        try:
            return np.frombuffer(raw, DTYPES[datatype]).reshape(shape)
        except ValueError:
            raise RequestError(400, f"The bytes of {what} do not fit its shape.") from None
    out, place = [], 0
    while place < len(raw):
        stop = place + LENGTH.size
        size = LENGTH.unpack(raw[place:stop])[0] if stop <= len(raw) else len(raw)
        if stop + size > len(raw):
            raise RequestError(400, f"An element of {what} is longer than its bytes.")
        out.append(bytes(raw[stop : stop + size]))
        place = stop + size
    if len(out) != math.prod(shape):
        raise RequestError(400, f"The bytes of {what} hold {len(out)} elements, not {math.prod(shape)}.")
    return out


def write_tensors(tensors: Sequence[Tensor], binary: Sequence[bool]) -> tuple[list[dict[str, Any]], bytes]:
    """Outputs as JSON, and the bytes that follow it.

    Args:
        tensors: the outputs.
        binary: for each, whether its data follow the JSON.

    Examples:
        >>> write_tensors([Tensor("label", "BYTES", (1,), [b"up"])], [False])
        ([{'name': 'label', 'datatype': 'BYTES', 'shape': [1], 'data': ['up']}], b'')
    """
    listed, parts = [], []
    for tensor, is_binary in zip(tensors, binary, strict=True):
        one: dict[str, Any] = {"name": tensor.name, "datatype": tensor.datatype, "shape": list(tensor.shape)}
        if is_binary:
            raw = _to_bytes(tensor)
            one["parameters"] = {"binary_data_size": len(raw)}
            parts.append(raw)
        elif tensor.datatype == "BYTES":
            one["data"] = [element.decode() for element in tensor.data]
        else:
            one["data"] = _array(tensor).ravel().tolist()
        listed.append(one)
    return listed, b"".join(parts)


def _array(tensor: Tensor) -> NDArray[Any]:
    return np.asarray(tensor.data, dtype=DTYPES[tensor.datatype])


def _to_bytes(tensor: Tensor) -> bytes:
    if tensor.datatype != "BYTES":
        return _array(tensor).tobytes()
    return b"".join(LENGTH.pack(len(element)) + element for element in tensor.data)
