"""Items as clients send them, as items that a model reads; a string is never taken for the name of a file."""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.data.media.pictures import UnreadPictureError, open_picture_file
from headstart.data.media.readers import sound_seconds
from headstart.errors import ItemError
from headstart.serve.batching.annotator import Served, ServedAnnotator
from headstart.serve.batching.served import ServedModel
from headstart.serve.options import RequestLimits

__all__ = ["converter", "decode_base64", "item_of"]

MEDIA = {"image": "picture", "audio": "sound"}
KEYS = ("data", "b64", "base64")  # members of an object that holds base64


def item_of(value: Any, served: Served, limits: RequestLimits) -> Any:
    """An item as the batcher takes it, or an `ItemError`; cheap, as it runs in the event loop.

    Args:
        value: from a JSON body, or the bytes of a file.
        served: the model that reads it.
        limits: of a request.

    Examples:
        >>> from headstart import zero_shot
        >>> served = ServedModel(zero_shot(["parcel", "refund"], source="toy", verbose=False), "1")
        >>> item_of("/etc/passwd", served, RequestLimits()), item_of(7, served, RequestLimits())
        ('/etc/passwd', ItemError('An item must be a text. Got a number.'))
    """
    if served.modality == "text":
        return _text(value, served, limits)
    if served.modality == "vector" and isinstance(served, ServedModel):
        return _row(value, served)
    if served.modality in MEDIA:
        return _media(value, served.modality)
    return value if isinstance(value, Mapping) else ItemError("An item must be an object with a value for each column.")


def kind_of(value: object) -> str:
    """What a JSON value is, in words.

    Examples:
        >>> kind_of(True), kind_of([1]), kind_of(None)
        ('a boolean', 'a list', 'null')
    """
    names = {bool: "a boolean", int: "a number", float: "a number", str: "a text", list: "a list", dict: "an object"}
    return "null" if value is None else names.get(type(value), "a file")


def _text(value: Any, served: Served, limits: RequestLimits) -> Any:
    if isinstance(value, Mapping):
        name = served.model.item_column
        value = value.get(name if isinstance(name, str) and name in value else "text", value)
    if isinstance(value, bytes):
        try:
            value = value.decode("utf-8-sig")
        except UnicodeDecodeError:
            return ItemError("The file is not a text in UTF-8.")
    if not isinstance(value, str):
        return ItemError(f"An item must be a text. Got {kind_of(value)}.")
    return _bounded(value, limits)


def _bounded(text: str, limits: RequestLimits) -> str | ItemError:
    """A text within the bound, without half a surrogate pair."""
    if len(text) > limits.characters:
        return ItemError(f"A text may have at most {limits.characters} characters. Got {len(text)}.")
    return text.encode("utf-8", "replace").decode() if not text.isascii() and _is_broken(text) else text


def _is_broken(text: str) -> bool:
    """Whether a text holds half a surrogate pair, which no tokenizer reads."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def _row(value: Any, served: ServedModel) -> Any:
    """A row of numbers: a list in the order of the columns, or an object by their names."""
    if isinstance(value, Mapping):
        columns = served.model.columns
        missing = [name for name in columns if name not in value]
        if missing or not columns:
            return ItemError(f"An item must have a number for each column; '{(missing or ['?'])[0]}' is missing.")
        value = [value[name] for name in columns]
    if not isinstance(value, list):
        return ItemError(f"An item must be a list of {served.width} numbers. Got {kind_of(value)}.")
    if len(value) != served.width:
        return ItemError(f"An item must hold {served.width} numbers. Got {len(value)} instead.")
    for number in value:
        if isinstance(number, bool) or not isinstance(number, int | float) or not _is_finite(number):
            return ItemError(f"An item must hold finite numbers. Got {kind_of(number)} that is none.")
    return [float(number) for number in value]


def _is_finite(number: float) -> bool:
    try:
        return math.isfinite(float(number))
    except OverflowError:  # an integer of more than 308 digits
        return False


def _media(value: Any, modality: str) -> Any:
    """The bytes of a picture or sound, or its base64, which is decoded later."""
    if isinstance(value, Mapping):
        value = next((value[key] for key in (*KEYS, modality) if key in value), value)
    if isinstance(value, bytes | str | np.ndarray) and len(value):
        return value
    what = MEDIA[modality]
    return ItemError(f"A {what} must be sent as a file, or as base64 or a data URI. Got {kind_of(value)}.")


def converter(served: Served, limits: RequestLimits) -> Callable[[Any], Any] | None:
    """What turns an item of `item_of` into one that the model reads, in a thread; None where there is nothing to do.

    Args:
        served: the model that reads it.
        limits: of a picture or sound.

    Examples:
        >>> from headstart import zero_shot
        >>> converter(ServedModel(zero_shot(["a", "b"], source="toy", verbose=False), "1"), RequestLimits()) is None
        True
    """
    if served.modality == "image":
        return partial(_picture, most=limits.pixels)
    if served.modality == "audio":
        return partial(_sound, most=limits.seconds)
    if isinstance(served, ServedAnnotator):
        return None
    return partial(_record, served, limits) if served.modality == "multimodal" else None


def decode_base64(text: str) -> bytes:
    """The bytes of base64 or of a data URI with base64.

    Raises:
        ItemError: if it is neither; a path or URL is none.

    Examples:
        >>> decode_base64("data:image/png;base64,aGk="), decode_base64("aGk")
        (b'hi', b'hi')
        >>> decode_base64("photo.jpg")
        Traceback (most recent call last):
        headstart.errors.ItemError: The text is not base64, so it is no file; paths and URLs are not read.
    """
    head, comma, rest = text.partition(",")
    if comma and head.startswith("data:") and head.endswith(";base64"):
        text = rest
    compact = "".join(text.split()).rstrip("=")
    try:
        return base64.b64decode(compact + "=" * (-len(compact) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise ItemError("The text is not base64, so it is no file; paths and URLs are not read.") from None


def _picture(value: str | bytes | NDArray[Any], most: int) -> bytes | NDArray[Any]:
    from PIL import Image

    if isinstance(value, np.ndarray):
        if value.shape[0] * value.shape[1] > most:
            raise ItemError(f"A picture may have at most {most} pixels. Got {value.shape[0]} x {value.shape[1]}.")
        return value
    raw = decode_base64(value) if isinstance(value, str) else value

    try:
        with open_picture_file(raw, None, most):  # the header alone, so that no large one is decoded
            return raw
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ItemError(f"A picture may have at most {most} pixels; {error}.") from None
    except UnreadPictureError as error:
        raise ItemError(f"The picture cannot be read: {error}.") from None
    except Exception:  # noqa: BLE001 (decoders raise anything; the reader says what is wrong in a sentence)
        return raw


def _sound(value: str | bytes, most: float) -> bytes:
    raw = decode_base64(value) if isinstance(value, str) else value
    seconds = sound_seconds(raw)
    if seconds > most:
        raise ItemError(f"A sound may last at most {most:g} seconds. Got {seconds:.0f}.")
    return raw


def _record(served: ServedModel, limits: RequestLimits, value: Mapping[str, Any]) -> Any:
    """An item of several columns; its pictures and sounds are bytes, so that no text is taken for a path."""
    import pandas as pd

    from headstart.data.schema import ReadOptions
    from headstart.data.table.several_columns import parse_column
    from headstart.errors import HeadstartError
    from headstart.model.as_fitted import read_as_fitted

    cells: dict[str, Any] = {}
    for column in map(parse_column, served.model.columns):
        given = value.get(column.name)
        if given is not None and column.kind in MEDIA:
            found = _media(given, column.kind)
            if isinstance(found, ItemError):
                raise found
            given = {
                "bytes": _picture(found, limits.pixels) if column.kind == "image" else _sound(found, limits.seconds)
            }
            given["path"] = None
        elif isinstance(given, bytes | str):
            text = given.decode("utf-8", "replace") if isinstance(given, bytes) else given
            given = _bounded(text, limits)
            if isinstance(given, ItemError):
                raise ItemError(f"Column '{column.name}': {given}")
        elif given is not None and not isinstance(given, str | int | float):
            raise ItemError(f"The value of '{column.name}' must be a text or a number. Got {kind_of(given)}.")
        cells[column.name] = given
    if all(cell is None for cell in cells.values()):
        raise ItemError(f"An item must have a value for one of the columns {', '.join(cells)}.")
    try:
        asked = ReadOptions.of(modality=served.model.source.info.modality, labelled=False)
        return read_as_fitted(pd.DataFrame([cells]), served.model, asked).items[0]
    except HeadstartError as error:
        raise ItemError(str(error)) from None
