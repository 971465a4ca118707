"""What is said beside every map of a body: in which number format it was computed, and what was not read."""

from __future__ import annotations

from headstart.engine.capabilities import runtime_of
from headstart.explain.asking.query import Query
from headstart.explain.bodies.map_reading import MapReading

__all__ = ["map_checks", "map_notes"]


def map_checks(query: Query, value: float) -> dict[str, float]:
    """How far the quantity in fp32 is from the model's own.

    Args:
        query: the question.
        value: the quantity, computed in fp32.
    """
    return {"difference from the model's own score": abs(value - query.value)}


def map_notes(query: Query, reading: MapReading) -> tuple[str, ...]:
    """Sentences on the number format and on the parts that were not read.

    Args:
        query: the question.
        reading: of its item.
    """
    runtime = runtime_of(query.model.source)
    own = f" ({runtime})" if runtime.backend else ""
    said = f"Computed in fp32 by the body in torch; the model itself{own} gives {query.value:.4g}."
    return (said, *reading.parts.notes)
