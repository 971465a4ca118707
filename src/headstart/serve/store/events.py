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

__all__ = ["ConflictError", "Feedback", "FeedbackStore", "ItemKind", "KeptFeedback", "Mark"]

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
        if self.predicted is not None:
            _check_label(self.predicted)
        if self.probability is not None and not (_is_number(self.probability) and 0 <= self.probability <= 1):
            raise ParameterError(f"'probability' must be a number from 0 to 1. Got {self.probability!r:.40}.")

    @property
    def digest(self) -> str:
        """The sha256 digest of the item."""
        return hashlib.sha256(self.item).hexdigest()


def _check_text(value: object, name: str, most: int) -> None:
    if not isinstance(value, str) or "\x00" in value or len(value) > most or not value.isprintable():
        raise ParameterError(f"'{name}' must be a printable text of at most {most} characters.")


def _check_label(label: Any) -> None:
    parts = list(label.values()) if isinstance(label, dict) else label if isinstance(label, list) else [label]
    fine = all(_is_number(part) or (isinstance(part, str) and part and _is_clean(part)) for part in parts)
    if not fine or len(json.dumps(label)) > LONGEST_LABEL:
        raise ParameterError(f"A label must be a text, a number, or a list of them, and not empty. Got {label!r:.40}.")


def _is_number(value: object) -> bool:
    try:
        return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(float(value))
    except OverflowError:
        return False


def _is_clean(text: str) -> bool:
    return "\x00" not in text and not any("\ud800" <= sign <= "\udfff" for sign in text)


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


@dataclass(frozen=True)
class Mark:
    """What a version was taught from; kept after the version is in force, and never changed.

    Attributes:
        version: the number of the version.
        after: it was taught from feedback after this number,
        up_to: and up to this one.

    Examples:
        >>> Mark(2, 0, 17).up_to
        17
    """

    version: int
    after: int
    up_to: int


class FeedbackStore(Protocol):
    """An append-only log of feedback on one model, safe for several threads and processes.

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

    def events(self, after: int = 0, up_to: int | None = None, most_bytes: int | None = None) -> list[KeptFeedback]:
        """Feedback with ``after < number <= up_to``, ascending; no more after ``most_bytes`` of items."""
        ...

    def count(self, after: int = 0, up_to: int | None = None) -> int:
        """How much feedback there is with ``after < number <= up_to``."""
        ...

    def known(self, digests: Sequence[str]) -> set[str]:
        """Which of these digests of items there is feedback on."""
        ...

    def mark(self, mark: Mark) -> None:
        """Keep what a version was taught from.

        Raises:
            SaveError: if it cannot be committed.
        """
        ...

    def marks(self) -> list[Mark]:
        """All marks, the oldest first."""
        ...

    def last(self) -> int:
        """The largest number; 0 if there is none."""
        ...

    def close(self) -> None:
        """Release the connections."""
        ...
