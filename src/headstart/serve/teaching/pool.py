"""The pool of unlabelled items of a server, and which of them to label next."""

from __future__ import annotations

import base64
import hashlib
import io
import math
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from threading import Lock, Thread
from typing import Any

from headstart.data import ReadOptions, align_columns
from headstart.data.media.pictures import open_picture_file
from headstart.data.table.several_columns import QUANTITIES, ItemColumn, parse_column
from headstart.errors import DataError, HeadstartError, ItemError
from headstart.model.as_fitted import read_as_fitted
from headstart.registry import OPERATIONS
from headstart.serve.batching.served import ServedModel
from headstart.serve.items.keeping import item_to_keep
from headstart.serve.options import RequestLimits

__all__ = ["LabelPool"]

AHEAD = 50  # items that are ranked at once
SIDE = 320  # pixels of a thumbnail
SOUND_BYTES = 4 * 2**20  # larger sounds are named, not played
CHARACTERS = 2_000  # of a text that is shown
MEDIA = ("image", "audio")
Known = Callable[[Sequence[str]], set[str]]
"""Which of these digests of items there is feedback on."""


class LabelPool:
    """Unlabelled items, of which a server asks for the labels that help most.

    Args:
        data: what `headstart.data.read` takes without labels: a list, folder or table.
        served: a version of the model that reads them.
        limits: of an item.

    Raises:
        DataError: if the data cannot be read, or are not of the model's kind.

    Examples:
        >>> from headstart import fit
        >>> texts = ["good film", "a good one", "bad film", "a bad one"] * 5
        >>> run = fit((texts, ["+", "+", "-", "-"] * 5), source="toy", baselines="none", verbose=False)
        >>> served = ServedModel(run.model, "1")
        >>> pool = LabelPool(["so good", "neither nor", "what a bad film"], served, RequestLimits())
        >>> found = pool.next(served, 2, lambda digests: set())
        >>> len(found), pool.item(found[0]["id"]) == found[0]["text"]
        (2, True)
    """

    def __init__(self, data: Any, served: ServedModel, limits: RequestLimits) -> None:
        model, modality = served.model, served.modality
        asked = ReadOptions.of(label=model.label_columns, labelled=False, modality=modality)
        found = align_columns(read_as_fitted(data, model, asked), model.columns)
        if found.modality != modality:
            raise DataError(f"The pool holds {found.modality} items, but the model reads {modality} items.")
        self.limits = limits
        self._lock = Lock()
        self._made: Future[list[str]] | None = None
        self._data = found
        self._kind, self._columns = modality, tuple(model.columns)
        self._ranked: tuple[str, list[str]] = "", []

    @cached_property
    def _places(self) -> Mapping[str, int]:
        return {name: place for place, name in enumerate(self._data.ids)}

    def item(self, name: str) -> Any:
        """The item of an id, as a client would send it.

        Raises:
            KeyError: if there is none.
        """
        return self._sent(self._data.items[self._places[name]], self._kind)

    def _sent(self, item: Any, kind: str) -> Any:
        if kind in MEDIA:
            return _content(item)
        if kind == "multimodal":
            return {column.name: _in_json(self._sent(cell, column.kind)) for column, cell in self._cells(item)}
        return _in_json(item)

    def next(self, served: ServedModel, n: int, known: Known, patience: float | None = None) -> list[dict[str, Any]]:
        """The items whose labels would help the model most, without those that have one by now.

        Args:
            served: the version in force.
            n: how many at most.
            known: which of the digests of items there is feedback on.
            patience: seconds that this waits while the pool is ranked, which goes on afterwards; None to the end.

        Returns:
            For each its ``id``, and ``text``, ``image`` or ``sound``.

        Raises:
            TimeoutError: if the pool is still being ranked.
        """
        version, names = self._ranked
        names = self._unlabelled(names, served, known) if version == served.version else []
        if not names:
            names = self._ranking(served, known).result(patience)
        return [{"id": name, **self._shown(name)} for name in names[:n]]

    def _ranking(self, served: ServedModel, known: Known) -> Future[list[str]]:
        """The ranking that is being made, in a thread that no end of the process waits for."""
        with self._lock:
            if self._made is None or self._made.done():
                made = self._made = Future[list[str]]()
                work = Thread(target=self._make, args=(made, served, known), name="headstart-pool", daemon=True)
                work.start()
            return self._made

    def _make(self, made: Future[list[str]], served: ServedModel, known: Known) -> None:
        try:
            names = self._rank(served, self._unlabelled(self._data.ids, served, known))
            self._ranked = served.version, names
            made.set_result(names)
        except BaseException as error:  # noqa: BLE001 (whatever it is, who waits must hear it)
            made.set_exception(error)

    def _unlabelled(self, names: Sequence[str], served: ServedModel, known: Known) -> list[str]:
        digests = {name: found for name in names if (found := self._digest(name, served))}
        labelled = known(list(digests.values()))
        return [name for name, digest in digests.items() if digest not in labelled]

    def _digest(self, name: str, served: ServedModel) -> str:
        """The digest by which the store knows an item; empty if it cannot be read."""
        if name not in self._digests:
            try:
                raw = item_to_keep(self.item(name), served, self.limits)[1]
                self._digests[name] = hashlib.sha256(raw).hexdigest()
            except (HeadstartError, OSError):
                self._digests[name] = ""
        return self._digests[name]

    @cached_property
    def _digests(self) -> dict[str, str]:
        return {}

    def _rank(self, served: ServedModel, names: Sequence[str]) -> list[str]:
        if not names:
            return []
        chosen = self._data.take([self._places[name] for name in names])
        engine = replace(served.model.engine, cache=True)  # the rows of the pool are the same for each version
        count = min(AHEAD, len(names))
        while count:
            try:
                found = OPERATIONS["suggest"](served.model, chosen, n=count, engine=engine)
            except ItemError:  # none of them can be read
                break
            except DataError:  # fewer than that can be read
                count //= 2
            else:
                return [one.id for one in found.items]
        return []

    def _shown(self, name: str) -> dict[str, Any]:
        item = self._data.items[self._places[name]]
        if self._kind == "multimodal":
            return self._shown_columns(item)
        if self._kind in MEDIA:
            return _media(_content(item), self._kind) or {"text": name}
        return {"text": self._text(item)[:CHARACTERS]}

    def _cells(self, item: Sequence[Any]) -> list[tuple[ItemColumn, Any]]:
        """The columns of an item with their values, without those that are missing; its quantities are one tuple."""
        columns = [parse_column(column) for column in self._columns]
        has_quantities = any(column.kind in QUANTITIES for column in columns)
        cells = [*item[:-1], *item[-1]] if has_quantities else item
        pairs = zip(columns, cells, strict=True)
        return [(column, cell) for column, cell in pairs if not _is_missing(cell)]

    def _shown_columns(self, item: Sequence[Any]) -> dict[str, Any]:
        """The first picture and sound of an item, and its other columns by name."""
        found: dict[str, Any] = {}
        lines = []
        for column, cell in self._cells(item):
            if column.kind in MEDIA:
                found = _media(_content(cell), column.kind) | found
            else:
                lines.append(f"{column.name}: {_short(cell)}")
        return found | {"text": "\n".join(lines)[:CHARACTERS]}

    def _text(self, item: Any) -> str:
        if isinstance(item, str):
            return item
        parts = [_short(part) for part in (item if isinstance(item, list | tuple) else item.tolist())]
        if len(self._columns) == len(parts):
            parts = [f"{name}: {part}" for name, part in zip(self._columns, parts, strict=True)]
        return ", ".join(parts)


def _content(item: Any) -> bytes:
    """The bytes of a picture or sound: of a file, or as they are."""
    if isinstance(item, bytes):
        return item
    if isinstance(item, str | os.PathLike):
        return Path(item).read_bytes()
    if isinstance(item, Mapping) and isinstance(item.get("bytes"), bytes):
        return bytes(item["bytes"])
    raise DataError("The pool must hold files; give a folder, or a table with paths.")


def _in_json(value: Any) -> Any:
    if isinstance(value, bytes):
        return {"data": base64.b64encode(value).decode()}
    return value.tolist() if not isinstance(value, str | int | float | list | dict | None) else value


def _is_missing(cell: object) -> bool:
    return cell is None or (isinstance(cell, float) and math.isnan(cell))


def _short(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _media(raw: bytes, kind: str) -> dict[str, str]:
    """A picture or sound for a page; empty for a sound that is too large."""
    if kind == "image":
        return {"image": _thumbnail(raw)}
    return {"sound": _data_uri(raw, "audio/wav")} if len(raw) <= SOUND_BYTES else {}


def _thumbnail(raw: bytes) -> str:
    with open_picture_file(raw, None, RequestLimits().pixels) as opened:
        opened.draft("RGB", (2 * SIDE, 2 * SIDE))
        small = opened.convert("RGB")
    small.thumbnail((SIDE, SIDE))
    file = io.BytesIO()
    small.save(file, "JPEG", quality=80)
    return _data_uri(file.getvalue(), "image/jpeg")


def _data_uri(raw: bytes, kind: str) -> str:
    return f"data:{kind};base64,{base64.b64encode(raw).decode()}"
