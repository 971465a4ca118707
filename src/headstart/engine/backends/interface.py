"""The interface of backends: how a body that is ready to run is called, and how a backend is described before."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from headstart.engine.body.agreement import Reference
from headstart.engine.body.recipe import Batch, DirectForm, Forward
from headstart.engine.body.selection import Selection
from headstart.engine.cache.bodies import BodyCache
from headstart.errors import UsageError
from headstart.types import FeatureMatrix

if TYPE_CHECKING:
    from torch import nn

__all__ = ["Backend", "BackendKind", "BodyAccess", "Refused"]


class Backend(Protocol):
    """A body that is ready to run: arrays in, rows out.

    Attributes:
        name: ``"openvino"``, ``"torch"``, ``"cuda"`` or ``"mps"``.
        precision: ``"fp32"``, ``"bf16"`` or ``"fp16"``: the number format of products; rows are always float32.
        streams: how many threads may call it at once.
        note: why it runs in this form, in a sentence.
    """

    @property
    def name(self) -> str:
        """Which backend it is."""
        ...

    @property
    def precision(self) -> str:
        """The number format of its products."""
        ...

    @property
    def streams(self) -> int:
        """How many threads may call it at once."""
        ...

    @property
    def note(self) -> str:
        """Why it runs in this form."""
        ...

    def __call__(self, batch: Batch) -> FeatureMatrix:
        """Features (n, ..., sum of widths) float32 of a batch: its blocks side by side on the last axis.

        Raises:
            MemoryError: if the batch does not fit into memory.
            SourceError: if the items have another shape than the body was converted for.
        """
        ...


class Refused(Exception):  # noqa: N818 - an outcome, not a mistake
    """A backend cannot run a body; the message gives the reason.

    Examples:
        >>> str(Refused("it cannot be traced"))
        'it cannot be traced'
    """


@dataclass(frozen=True)
class BodyAccess:
    """What a backend needs to open a body.

    Attributes:
        built: returns the module and its forward function.
        example: returns a few items.
        cache: the body's cache.
        remaining: returns how many items are still to come.
        selection: the only blocks that are wanted, to which ``built`` then belongs; None for all.
        direct: how OpenVINO runs all blocks without torch; None if the module has to be traced.

    Examples:
        >>> BodyAccess(lambda: None, lambda: None, BodyCache(None), lambda: 5).remaining()
        5
    """

    built: Callable[[], tuple[nn.Module, Forward]]
    example: Callable[[], Batch]
    cache: BodyCache
    remaining: Callable[[], int]
    selection: Selection | None = None
    direct: DirectForm | None = None


@dataclass(frozen=True)
class BackendKind:
    """One backend, as its module describes it.

    Attributes:
        name: the name that users give.
        problem: returns the error to raise if it cannot run here, else None; may load torch to look for a GPU.
        streams: returns how many threads may call it at once.
        fingerprint: returns what decides, besides the version of torch, how it runs a body here: (version of its
            library, GPU or CPU). It must not import heavy packages.
        open_new: returns the body in its fastest form that agrees with the plain module, and the record of that form.
            Raises `Refused` if the backend cannot run it, MemoryError if it does not fit, OSError if there is no room
            for temporary files.
        open_known: returns the body in the form that ``open_new`` recorded earlier; None if the files that it needs
            are gone or damaged.

    Examples:
        >>> from headstart.engine.backends.torch_cpu import TORCH
        >>> TORCH.name, TORCH.streams(), TORCH.problem()
        ('torch', 1, None)
    """

    name: str
    problem: Callable[[], UsageError | None]
    streams: Callable[[], int]
    fingerprint: Callable[[], tuple[str, str]]
    open_new: Callable[[BodyAccess, Reference], tuple[Backend, dict[str, Any]]]
    open_known: Callable[[BodyAccess, Mapping[str, Any]], Backend | None]
