"""The version that answers new requests; it is replaced in one step, while earlier requests keep theirs."""

from __future__ import annotations

from headstart.serve.batching.annotator import Served

__all__ = ["Slot"]


class Slot:
    """Holds the current version.

    A request takes the version once and is answered by it to the end, so a swap loses and mixes nothing.

    Args:
        served: the first version.

    Examples:
        >>> from headstart import zero_shot
        >>> from headstart.serve.batching.served import ServedModel
        >>> model = zero_shot(["parcel", "refund"], source="toy", verbose=False)
        >>> slot = Slot(ServedModel(model, "1"))
        >>> slot.swap(ServedModel(model, "2")).version, slot.current.version
        ('1', '2')
    """

    def __init__(self, served: Served) -> None:
        self._current = served

    @property
    def current(self) -> Served:
        """The version for a new request."""
        return self._current

    def swap(self, served: Served) -> Served:
        """Let another version answer from now on.

        Returns:
            The version that answered until now; requests that have it are still answered.
        """
        before, self._current = self._current, served
        return before
