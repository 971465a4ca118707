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

    Examples:
        >>> import numpy as np
        >>> from headstart import fit
        >>> from headstart.explain.explain import ask
        >>> rows = np.repeat([[0.0, 1.0], [1.0, 0.0]], 10, axis=0) + np.arange(40).reshape(20, 2) / 100
        >>> query = ask(fit((rows, ["left"] * 10 + ["right"] * 10), verbose=False).model, [0.2, 1.0])
        >>> {name: round(far, 6) for name, far in map_checks(query, query.value + 0.25).items()}
        {"difference from the model's own score": 0.25}
    """
    return {"difference from the model's own score": abs(value - query.value)}


def map_notes(query: Query, reading: MapReading) -> tuple[str, ...]:
    """Sentences on the number format and on the parts that were not read.

    Args:
        query: the question.
        reading: of its item.

    Examples:
        >>> import numpy as np
        >>> from headstart import fit
        >>> from headstart.explain.explain import ask
        >>> from headstart.explain.bodies.map_reading import map_reading
        >>> pictures = [np.full((64, 64, 3), shade, np.uint8) for shade in range(0, 240, 20)]
        >>> data = (pictures, ["dark"] * 6 + ["light"] * 6)
        >>> model = fit(data, source="headstart:image", baselines="none", verbose=False).model
        >>> query = ask(model, pictures[0])
        >>> [note[:40] for note in map_notes(query, map_reading(query))]
        ['Computed in fp32 by the body in torch; t']
    """
    runtime = runtime_of(query.model.source)
    own = f" ({runtime})" if runtime.backend else ""
    said = f"Computed in fp32 by the body in torch; the model itself{own} gives {query.value:.4g}."
    times = ("The body has positions for times only, so all frequencies of a time have one value.",)
    return (said, *(times if reading.parts.in_time_only else ()), *reading.parts.notes)
