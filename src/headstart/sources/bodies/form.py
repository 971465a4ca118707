"""In which form a source runs, passed on from the body, or from the source, that runs for it."""

from __future__ import annotations

from typing import Any

__all__ = ["form_of"]


def form_of(holder: str) -> tuple[property, property, property, property, property]:
    """Properties of a source that tell its form (``backend``, ``precision``, ``reason``, ``hint``, ``streams``).

    They are read from one of its attributes.

    Args:
        holder: the attribute's name; where its value says nothing of a property, that is empty, and ``streams`` is 1.

    Examples:
        >>> from types import SimpleNamespace
        >>> class Fast:
        ...     backend, precision, reason, hint, streams = form_of("body")
        ...     body = SimpleNamespace(backend="openvino", precision="bf16")
        >>> Fast().backend, Fast().reason, Fast().streams
        ('openvino', '', 1)
    """

    def passed_on(name: str, default: Any, text: str) -> property:
        return property(lambda source: getattr(getattr(source, holder), name, default), doc=text)

    return (
        passed_on("backend", "", 'What runs it, such as ``"openvino"``; empty before it was chosen.'),
        passed_on(
            "precision", "", 'The number format that it runs in, such as ``"bf16"``; empty before it was chosen.'
        ),
        passed_on("reason", "", "Why it runs in that form, in a sentence; empty before it was chosen."),
        passed_on("hint", "", "What could not be had and the user can mend, in a sentence; empty for nothing."),
        passed_on("streams", 1, "How many threads may call `forward` at once."),
    )
