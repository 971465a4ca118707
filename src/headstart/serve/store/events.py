"""What is kept of a label or correction, and what every store of them promises."""

from __future__ import annotations

import hashlib
import json
import math
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from headstart.errors import ParameterError

__all__ = ["ConflictError", "Feedback", "FeedbackStore", "ItemKind", "KeptFeedback"]

ItemKind = Literal["text", "file", "json"]
LONGEST = {"key": 200, "who": 200, "model_version": 40}  # characters
LONGEST_LABEL = 10_000  # characters of its JSON


class ConflictError(Exception):
    """The same key was used for other feedback before.

    Examples:
        >>> print(ConflictError("The key 'a' was used for another item or label."))
        The key 'a' was used for another item or label.
    """


@dataclass(frozen=True)
class Feedback:
    """A label that somebody gives to an item: a correction, a confirmation, or the first label.

    Attributes:
        kind: how the item is kept: ``"text"`` in UTF-8, a ``"file"`` as it was sent, or ``"json"``.
        item: its bytes.
        label: the label, the labels, or the value or values.
        key: makes it idempotent: the same feedback with the same key is kept once; a random one by default.
        predicted: what the model answered; None if it was not asked.
        probability: of that answer; None for values.
        who: who gave the label, as the client says; may be empty.
        model_version: the version that answered; may be empty.

    Raises:
        ParameterError: for a NUL character, which no database keeps in text, a value that is too long, or a label that
            is none.

    Examples:
        >>> Feedback("text", b"my parcel", "delivery").digest[:8]
        'd098ebdb'
        >>> Feedback("text", b"my parcel", "")
        Traceback (most recent call last):
        headstart.errors.ParameterError: A label must be a text, a number, or a list of them, and not empty. Got ''.
    """

    kind: ItemKind
    item: bytes
    label: Any
    key: str = field(default_factory=lambda: uuid.uuid4().hex)
    predicted: Any = None
    probability: float | None = None
    who: str = ""
    model_version: str = ""

    def __post_init__(self) -> None:
        for name, most in LONGEST.items():
            _check_text(getattr(self, name), name, most)
        if not self.key:
            raise ParameterError("The key of feedback must not be empty; leave it out for a random one.")
        _check_label(self.label)

    @property
    def digest(self) -> str:
        """The sha256 digest of the item."""
        return hashlib.sha256(self.item).hexdigest()


def _check_text(value: object, name: str, most: int) -> None:
    if not isinstance(value, str) or "\x00" in value or len(value) > most or not value.isprintable():
        raise ParameterError(f"'{name}' must be a printable text of at most {most} characters.")


def _check_label(label: Any) -> None:
    parts = label if isinstance(label, list) else [label]
    fine = all(
        isinstance(part, str | int | float)
        and not isinstance(part, bool)
        and part != ""
        and (isinstance(part, str) or (isinstance(part, float | int) and _is_finite(part)))
        and not (isinstance(part, str) and ("\x00" in part or _is_broken(part)))
        for part in parts
    )
    if not fine or len(json.dumps(label)) > LONGEST_LABEL:
        raise ParameterError(f"A label must be a text, a number, or a list of them, and not empty. Got {label!r:.40}.")


def _is_finite(number: float) -> bool:
    try:
        return math.isfinite(float(number))
    except OverflowError:
        return False


def _is_broken(text: str) -> bool:
    return any("\ud800" <= sign <= "\udfff" for sign in text)


@dataclass(frozen=True)
class KeptFeedback:
    """Feedback as it is kept.

    Attributes:
        number: ascending in the order of the commits; never given twice.
        when: the time of the commit, ISO 8601 in UTC.
        feedback: what was sent.

    Examples:
        >>> KeptFeedback(1, "2026-05-01T12:00:00+00:00", Feedback("text", b"a", "up")).feedback.label
        'up'
    """

    number: int
    when: str
    feedback: Feedback


class FeedbackStore(Protocol):
    """An append-only log of feedback, safe for several threads and processes.

    When `append` returns, the feedback is committed to disk: a crash afterwards does not lose it. Numbers become
    visible in ascending order: once an event is visible, no event with a smaller number appears later. So ``events(a,
    b)`` is the same at any later time, and a version can be taught from "all up to b".
    """

    def append(self, given: Sequence[Feedback]) -> list[int]:
        """Keep feedback, all or none, and return its numbers; that which is there already has its number.

        Raises:
            ConflictError: if a key was used for another item or label.
            SaveError: if it cannot be committed.
        """
        ...

    def events(self, after: int = 0, up_to: int | None = None, most: int | None = None) -> list[KeptFeedback]:
        """Feedback with ``after < number <= up_to``, ascending; the first ``most`` of it."""
        ...

    def last(self) -> int:
        """The largest number; 0 if there is none."""
        ...

    def close(self) -> None:
        """Release the connections."""
        ...
