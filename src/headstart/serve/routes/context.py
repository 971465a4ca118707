"""What the routes of one application share."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headstart.errors import HeadstartError
from headstart.model import TransferModel
from headstart.serve.batching.batcher import Batcher
from headstart.serve.batching.calls import Answer, BusyError, ClosedError
from headstart.serve.batching.served import AnswerOptions, ServedModel
from headstart.serve.batching.slot import Slot
from headstart.serve.http.errors import RequestError
from headstart.serve.http.meters import Meters
from headstart.serve.options import ServeOptions
from headstart.serve.routes.items import converter, item_of

__all__ = ["Serving"]


@dataclass(eq=False)
class Serving:
    """One application: its model, its batcher and its settings.

    Attributes:
        run: the run folder.
        options: of the server.
        slot: the version that answers.
        batcher: what runs the items.
        meters: what is counted.
        problem: why the newest version could not be loaded; empty if it could.

    Examples:
        >>> from headstart import zero_shot
        >>> served = ServedModel(zero_shot(["parcel", "refund"], source="toy", verbose=False), "1")
        >>> batcher = Batcher(most_items=8, wait=0.0, queue=1000)
        >>> serving = Serving(Path("run"), ServeOptions(), Slot(served), batcher, Meters())
        >>> asyncio.run(serving.answers(served, ["a parcel"], AnswerOptions(top=1)))[0]["label"]
        'parcel'
        >>> batcher.close()
    """

    run: Path
    options: ServeOptions
    slot: Slot
    batcher: Batcher
    meters: Meters
    problem: str = ""

    @classmethod
    def open(cls, run: Path, options: ServeOptions) -> Serving:
        """Load the model of a run folder, and start what answers.

        Raises:
            NoModelError: if the folder is not a model.
            ModelFolderError: if it is damaged.
        """
        limits, meters = options.limits, Meters()
        served = ServedModel(TransferModel.load(run, engine=options.engine), "1")
        served.warm_up()
        batcher = Batcher(most_items=limits.batch, wait=limits.wait / 1000, queue=limits.queue, observe=meters.batch)
        meters.watch(lambda: batcher.depth)
        meters.version(served.version)
        return cls(run, options, Slot(served), batcher, meters)

    def close(self) -> None:
        """Answer what waits, and end."""
        self.batcher.close()

    @property
    def name(self) -> str:
        """The model's name in URLs: that of its run folder."""
        return self.run.resolve().name or "model"

    async def answers(self, served: ServedModel, items: Sequence[Any], options: AnswerOptions) -> list[Answer]:
        """The answers of items as a client sent them, in their order.

        Raises:
            RequestError: 400 for options that the model cannot satisfy, 413 for too many items, 503 with
                ``Retry-After`` if they do not fit into the queue, 504 if the deadline passes.
        """
        limits = self.options.limits
        if len(items) > limits.items:
            raise RequestError(413, f"A request may hold at most {limits.items} items. Got {len(items)}.")
        try:
            served.check(options)
        except HeadstartError as error:
            raise RequestError(400, str(error)) from None
        read = [item_of(item, served, limits) for item in items]
        try:
            async with asyncio.timeout(limits.deadline):
                found = await self.batcher.answer(served, read, options, convert=converter(served, limits))
        except TimeoutError:
            raise RequestError(
                504, f"There was no answer within {limits.deadline:g} seconds.", {"Retry-After": "5"}
            ) from None
        except BusyError as busy:
            after = {"Retry-After": str(busy.seconds)}
            raise RequestError(503, "The server is busy: too many items wait; try again.", after) from None
        except ClosedError as closed:
            raise RequestError(503, str(closed), {"Retry-After": "5"}) from None
        self._count(found)
        return found

    def _count(self, found: Sequence[Answer]) -> None:
        self.meters.items(
            given=len(found),
            failed=sum("error" in answer for answer in found),
            abstained=sum(answer.get("abstained", False) for answer in found),
            novel=sum(answer.get("novel", False) for answer in found),
        )
