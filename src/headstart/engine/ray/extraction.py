"""Extraction on a cluster with Ray Data: chunks of items go to worker processes, which return features or moments.

Ray manages the workers, hands out the chunks, repeats the chunks of a lost worker and returns the results in order. The
chunks depend on the items only, so the result does not depend on the number of workers.

Workers need the same version of Headstart, and everything that the source reads (a checkpoint, a package) under the
same path as here. Items that are files are passed by absolute path and must be on a file system that all share.

References:
    Moritz et al., "Ray: A distributed framework for emerging AI applications", OSDI 2018.
"""

from __future__ import annotations

import os
import platform
import warnings
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.engine.capabilities import runtime_of
from headstart.engine.options import Engine
from headstart.engine.pipeline.moment_chunks import (
    ChunkResult,
    FeatureMap,
    choose_backend,
    encode_chunk,
    items_of,
    split_items,
)
from headstart.engine.pipeline.pace import BATCH_SIZES, Pace, size_in_bytes
from headstart.engine.pipeline.streaming import Encoded, encoded_batches
from headstart.engine.ray.session import ray_session
from headstart.errors import HeadstartError, ItemError, SourceError
from headstart.types import Encoder, Modality

__all__ = ["chunks_on_ray", "encoded_on_ray"]

BATCHES_PER_CHUNK = 8  # at most: a lost worker loses no more than this, and the overhead per chunk is negligible
CHUNK_BYTES = 64 * 2**20  # of items that are sent at a time
RETRIES = 3  # of a chunk whose worker died; an item that kills every worker must not be tried without end

Work = Callable[[Encoder, Sequence[Any], Any], Any]


def encoded_on_ray(
    source: Encoder, items: Sequence[Any], order: NDArray[np.intp], pace: Pace, *, engine: Engine
) -> Generator[Encoded]:
    """As `headstart.engine.pipeline.streaming.encoded_batches`, on the workers of a Ray cluster.

    The rows equal those of one machine exactly if a row depends on its item only, as with OpenVINO. With torch, the
    last bit of a row may depend on its batch.

    Args:
        source: what encodes them; it is sent to each worker once.
        items: all items. Files are passed by path, and one that a worker cannot read is set aside with the reason.
            Texts, arrays and pictures are sent.
        order: (m,) positions, in the order to run; neighbours go to the same worker.
        pace: receives the notes of the workers, which have their own batch sizes.
        engine: the settings; ``ray`` is ``"auto"`` or an address, ``workers`` their number.

    Yields:
        The result of each batch, in the order of the chunks.

    Raises:
        MissingExtraError: if Ray is not installed.
        SourceError: if there is no cluster at the address, the source cannot be sent, or a worker would run it in
            another form (backend and number format) than this machine.
        HeadstartError: if workers die repeatedly on the same items.

    Examples:
        >>> from headstart.sources.toy import ToySource
        >>> next(encoded_on_ray(ToySource(), ["good"], np.arange(1), Pace("text", 1), engine=Engine(ray="nowhere")))
        Traceback (most recent call last):
        headstart.errors.SourceError: There is no Ray cluster at 'nowhere' (nothing answers there); give ...
    """
    modality = source.info.modality
    shared = _shared(items, modality)
    most = BATCHES_PER_CHUNK * (engine.batch_size or BATCH_SIZES[modality])
    chunks = split_items(len(order), min(most, _most_shipped(items, order)))
    payloads = [_Payload([shared[k] for k in order[chunk.start : chunk.stop]]) for chunk in chunks]
    chosen, key = choose_backend(source, items, engine)
    job = _Job(partial(_encode, batch_size=engine.batch_size), chosen, key)
    done = _on_workers(source, payloads, job, engine)
    for chunk, (batches, notes) in zip(chunks, done, strict=True):
        positions = order[chunk.start : chunk.stop]
        pace.notes += [note for note in notes if note not in pace.notes]
        for batch in batches:
            failures = {int(positions[k]): reason for k, reason in batch.failures.items()}
            yield Encoded(positions[batch.positions], batch.rows, failures)


def chunks_on_ray(
    source: Encoder,
    items: Sequence[Any],
    targets: NDArray[np.float64],
    engine: Engine,
    feature_map: FeatureMap | None = None,
) -> Generator[ChunkResult]:
    """The moments of each chunk of items, computed by the workers of a Ray cluster.

    Args:
        source: what encodes the items, one row per item; it is sent to each worker once.
        items: as in `headstart.engine.moments.moments_of`.
        targets: (n, k) of the items.
        engine: as in `encoded_on_ray`.
        feature_map: maps rows (m, d) of the source to the rows that are summed; it is sent to the workers.

    Yields:
        The results of the chunks of `headstart.engine.pipeline.moment_chunks.split_items`, in their order.

    Raises:
        MissingExtraError: if Ray is not installed.
        SourceError: as in `encoded_on_ray`, or if the source gives several rows per item.
        HeadstartError: if workers die repeatedly on the same items.

    Examples:
        >>> from headstart.sources.toy import ToySource
        >>> next(chunks_on_ray(ToySource(), ["good"], np.ones((1, 1)), Engine(ray="nowhere")))
        Traceback (most recent call last):
        headstart.errors.SourceError: There is no Ray cluster at 'nowhere' (nothing answers there); give ...
    """
    shared = _shared(items, source.info.modality)
    chunks = split_items(len(items))
    payloads = [_Payload(items_of(shared, chunk), targets[chunk.start : chunk.stop]) for chunk in chunks]
    chosen, key = choose_backend(source, items, engine)
    job = _Job(partial(encode_chunk, engine=chosen, feature_map=feature_map), chosen, key)
    yield from _on_workers(source, payloads, job, engine)


@dataclass(frozen=True)
class _Payload:
    """What is sent to a worker at a time."""

    items: Sequence[Any]
    targets: NDArray[np.float64] | None = None


@dataclass(frozen=True)
class _Job:
    """The work of every worker, and the key of the form in which this machine would run the source."""

    work: Work
    engine: Engine
    key: str | None


@dataclass(frozen=True)
class _Refusal:
    """An error that stops the work, in a form that can be pickled: some of our errors cannot."""

    message: str
    exit_code: int

    def error(self) -> HeadstartError:
        return SourceError(self.message) if self.exit_code == SourceError.exit_code else HeadstartError(self.message)


def _encode(
    source: Encoder, items: Sequence[Any], _: object, *, batch_size: int | None
) -> tuple[list[Encoded], list[str]]:
    pace = Pace(source.info.modality, len(items), runtime_of(source).streams, batch_size)
    return list(encoded_batches(source, items, np.arange(len(items)), pace)), pace.notes


class _Worker:
    """An actor of Ray Data: opens the source with its first chunk and keeps it."""

    def __init__(self, shipped: Any, job: _Job) -> None:
        self._shipped, self._job = shipped, job
        self._source: Encoder | None = None

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        payload = batch["payload"][0]
        outcome = np.empty(1, object)
        try:
            outcome[0] = self._job.work(self._source or self._open(payload.items), payload.items, payload.targets)
        except HeadstartError as error:
            outcome[0] = _Refusal(str(error), error.exit_code)
        return {"outcome": outcome}

    def _open(self, items: Sequence[Any]) -> Encoder:
        import ray

        source: Encoder = ray.get(self._shipped)
        _, key = choose_backend(source, items, self._job.engine)
        if key != self._job.key:
            raise SourceError(
                f"A worker on {platform.node()} would run '{source.info.name}' in another form ({runtime_of(source)}) "
                "than the machine that started the work; name a backend that all machines have with --backend, or use "
                "machines of one kind."
            )
        self._source = source
        return source


def _on_workers(source: Encoder, payloads: list[_Payload], job: _Job, engine: Engine) -> Generator[Any]:
    """The result of the job for each payload, in their order."""
    with ray_session(engine.ray or "auto", engine.workers) as ray:
        shipped = _ship(ray, source)
        gpus = 1 if job.engine.backend == "cuda" else 0
        there = int(ray.cluster_resources().get("GPU" if gpus else "CPU", 1))
        workers = min(engine.workers or there, max(there, 1), len(payloads))
        dataset = _dataset(ray, payloads, partial(_Worker, shipped, job), workers, gpus)
        try:
            for row in dataset.iter_rows():
                if isinstance(row["outcome"], _Refusal):
                    raise row["outcome"].error()
                yield row["outcome"]
        except (ray.exceptions.RayActorError, ray.exceptions.WorkerCrashedError, ray.exceptions.OutOfMemoryError):
            raise HeadstartError(
                f"Ray workers died {RETRIES + 1} times on the same items, as they do when memory runs out; use fewer "
                "workers or smaller batches, or encode on one machine to find the item."
            ) from None
        except ray.exceptions.RayError as error:
            reason = " ".join(str(error).split())[-300:]
            raise HeadstartError(
                f"A Ray worker failed; check that all machines have the same version of headstart and the same files: "
                f"{reason}"
            ) from error


def _ship(ray: ModuleType, source: Encoder) -> Any:
    try:
        return ray.put(source)
    except TypeError as error:
        reason = " ".join(str(error).split())
        raise SourceError(
            f"The source '{source.info.name}' cannot be sent to other processes ({reason:.200}); open it by its name, "
            "or encode without Ray."
        ) from None


def _dataset(ray: ModuleType, payloads: list[_Payload], worker: partial[_Worker], workers: int, gpus: int) -> Any:
    """A lazy Ray dataset of the outcomes, computed while it is read."""
    context = ray.data.DataContext.get_current().copy()
    context.enable_progress_bars = False
    context.execution_options.preserve_order = True
    context.max_errored_blocks = 0
    rows = [{"payload": payload} for payload in payloads]
    with ray.data.DataContext.current(context), warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # before Ray 2.64, retries can be limited only this way
        try:
            waiting = ray.data.from_items(rows, override_num_blocks=len(rows))
        except TypeError as error:
            reason = " ".join(str(error).split())
            raise ItemError(f"Items of this kind cannot be sent to other processes ({reason:.200}).") from None
        return waiting.map_batches(
            worker.func,
            fn_constructor_args=worker.args,
            batch_size=1,
            compute=ray.data.ActorPoolStrategy(size=workers),
            num_cpus=1,
            num_gpus=gpus,
            max_task_retries=RETRIES,
        )


def _shared(items: Sequence[Any], modality: Modality) -> Sequence[Any]:
    """The items with absolute paths, because a worker runs in another folder."""
    if isinstance(items, np.ndarray) or modality not in ("image", "audio"):
        return items
    return [os.path.abspath(item) if isinstance(item, str | Path) else item for item in items]  # noqa: PTH100


def _most_shipped(items: Sequence[Any], order: NDArray[np.intp]) -> int:
    """How many items may be sent at a time, judged by the largest of eight."""
    spread = order[np.linspace(0, len(order) - 1, min(8, len(order))).astype(np.intp)]
    largest = max(size_in_bytes(items[k]) for k in spread)
    return max(1, CHUNK_BYTES // max(1, largest))
