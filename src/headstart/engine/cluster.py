"""Extraction on a cluster with Ray Data: chunks of items go to worker processes, features or moments come back.

Ray holds the workers, hands out the chunks, does a lost worker's chunks again and gives the results in their order.
What a chunk is depends on the items alone, so nothing in the result tells how many workers there were.

Workers need Headstart itself, of the same version, and whatever the source reads (a checkpoint, a package) under the
same path as here; files that are items are named by absolute paths and must lie on a file system that all share.

References:
    Moritz et al., "Ray: A distributed framework for emerging AI applications", OSDI 2018.
"""

from __future__ import annotations

import os
import platform
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.engine.batches import BATCH_SIZES, Pace
from headstart.engine.extraction import Extraction, Progress
from headstart.engine.item_moments import (
    FeatureMap,
    ItemMoments,
    Part,
    check_items,
    part_of,
    settle,
    split_items,
    sum_parts,
    take,
)
from headstart.engine.local import extract_here
from headstart.engine.options import Engine
from headstart.engine.pipeline import Encoded, encoded_batches
from headstart.engine.ray_session import ray_session
from headstart.errors import HeadstartError, ItemError, SourceError
from headstart.types import Encoder, Modality

__all__ = ["encoded_on_ray", "extract_on_ray", "moments_on_ray"]

BATCHES_PER_CHUNK = 8  # at most: what a lost worker loses, and enough that handing it out costs nothing
CHUNK_BYTES = 64 * 2**20  # of items that are shipped
RETRIES = 3  # of a chunk whose worker died; what kills every worker must not be tried for ever

Work = Callable[[Encoder, Sequence[Any], Any], Any]


def extract_on_ray(
    source: Encoder, items: Sequence[Any], engine: Engine, progress: Progress | None = None
) -> Extraction:
    """As `headstart.engine.extract.extract`, with the missing rows encoded by the workers of a Ray cluster.

    The feature store of this machine is looked up first and keeps what comes back. The rows equal those of one machine
    exactly where a row depends on its item alone, as it does with OpenVINO; torch may round the last bit of a row
    differently in another batch.

    Args:
        source: what encodes the items; it is sent to each worker once.
        items: at least one. Files go by path: one that a worker cannot read is set aside with the reason. Texts, arrays
            and pictures are sent.
        engine: how; ``ray`` is ``"auto"`` or an address, ``workers`` their number.
        progress: called with (items done, items in all, how) as chunks come back.

    Returns:
        The rows, and what could not be encoded.

    Raises:
        MissingExtraError: if Ray is not installed.
        SourceError: if there is no cluster at the address, the source cannot be sent, or a worker would run it in
            another form than this machine.
        HeadstartError: if workers die over the same items again and again.

    Examples:
        >>> from headstart.sources.toy import ToySource
        >>> extract_on_ray(ToySource(), ["good"], Engine(cache=False, ray="nowhere"))
        Traceback (most recent call last):
        headstart.errors.SourceError: There is no Ray cluster to be had at 'nowhere' (nothing answers there); give ...
    """
    shared = _shared(items, source.info.modality)
    return extract_here(source, shared, engine=engine, progress=progress, run=partial(encoded_on_ray, engine=engine))


def encoded_on_ray(
    source: Encoder, items: Sequence[Any], order: NDArray[np.intp], pace: Pace, *, engine: Engine
) -> Iterator[Encoded]:
    """As `headstart.engine.pipeline.encoded_batches`, on the workers of a Ray cluster.

    Args:
        source: what encodes them.
        items: all items.
        order: (m,) positions, in the order to run; neighbours go to the same worker.
        pace: takes the notes of the workers; they have batch sizes of their own.
        engine: as in `extract_on_ray`.

    Yields:
        What became of each batch, in the order of the chunks.

    Examples:
        >>> from headstart.sources.toy import ToySource
        >>> next(encoded_on_ray(ToySource(), ["good"], np.arange(1), Pace("text", 1), engine=Engine(ray="nowhere")))
        Traceback (most recent call last):
        headstart.errors.SourceError: There is no Ray cluster to be had at 'nowhere' (nothing answers there); give ...
    """
    modality = source.info.modality
    most = BATCHES_PER_CHUNK * (engine.batch_size or BATCH_SIZES[modality])
    chunks = split_items(len(order), min(most, _most_shipped(items, order)))
    payloads = [_Payload([items[k] for k in order[chunk.start : chunk.stop]]) for chunk in chunks]
    chosen, key = settle(source, items, engine)
    job = _Job(partial(_encode, batch_size=engine.batch_size), chosen, key)
    for chunk, (batches, notes) in zip(chunks, _on_workers(source, payloads, job, engine), strict=True):
        positions = order[chunk.start : chunk.stop]
        pace.notes += [note for note in notes if note not in pace.notes]
        for batch in batches:
            failures = {int(positions[k]): reason for k, reason in batch.failures.items()}
            yield Encoded(positions[batch.positions], batch.rows, failures)


def moments_on_ray(
    source: Encoder,
    items: Sequence[Any],
    targets: Any,
    engine: Engine,
    *,
    feature_map: FeatureMap | None = None,
    progress: Progress | None = None,
) -> ItemMoments:
    """As `headstart.engine.item_moments.moments_of`, and equal to it, on the workers of a Ray cluster.

    Each worker looks up and keeps rows in the feature store of its own machine. The workers' machines must be of one
    kind: another CPU may round a sum differently.

    Args:
        source: what encodes the items, one row an item.
        items: n items of the source's modality, as in `extract_on_ray`.
        targets: (n, k) numbers.
        engine: how; ``ray`` is ``"auto"`` or an address, ``workers`` their number.
        feature_map: from rows (m, d) of the source to the rows that are summed, each by itself; default: as they are.
        progress: called with (items done, items in all, how) as chunks come back.

    Returns:
        The moments, and what could not be encoded.

    Raises:
        DataError: if there are no items, or none that can be encoded.
        ParameterError: if the targets do not fit the items.
        MissingExtraError: if Ray is not installed.
        SourceError: as in `extract_on_ray`, or if the source gives several rows an item.
        HeadstartError: if workers die over the same items again and again.

    Examples:
        >>> from headstart.sources.toy import ToySource
        >>> moments_on_ray(ToySource(), ["good"], [[1.0]], Engine(cache=False, ray="nowhere"))
        Traceback (most recent call last):
        headstart.errors.SourceError: There is no Ray cluster to be had at 'nowhere' (nothing answers there); give ...
    """
    targets = check_items(items, targets, "moments_on_ray")
    shared = _shared(items, source.info.modality)
    payloads = [_Payload(take(shared, chunk), targets[chunk.start : chunk.stop]) for chunk in split_items(len(items))]
    chosen, key = settle(source, items, engine)
    job = _Job(partial(_sum, engine=chosen, feature_map=feature_map), chosen, key)
    return sum_parts(_on_workers(source, payloads, job, engine), len(items), progress)


@dataclass(frozen=True)
class _Payload:
    """What goes to a worker at a time."""

    items: Sequence[Any]
    targets: Any = None


@dataclass(frozen=True)
class _Job:
    """What every worker does, and in which form this machine would run the source."""

    work: Work
    engine: Engine
    key: str | None


@dataclass(frozen=True)
class _Refusal:
    """An error that stops the work; several of ours cannot be sent as they are."""

    message: str
    exit_code: int

    def error(self) -> HeadstartError:
        return SourceError(self.message) if self.exit_code == SourceError.exit_code else HeadstartError(self.message)


def _encode(
    source: Encoder, items: Sequence[Any], _: Any, *, batch_size: int | None
) -> tuple[list[Encoded], list[str]]:
    pace = Pace(source.info.modality, len(items), getattr(source, "streams", 1), batch_size)
    return list(encoded_batches(source, items, np.arange(len(items)), pace)), pace.notes


def _sum(
    source: Encoder, items: Sequence[Any], targets: Any, *, engine: Engine, feature_map: FeatureMap | None
) -> Part:
    return part_of(source, items, targets, engine, feature_map)


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
        _, key = settle(source, items, self._job.engine)
        if key != self._job.key:
            form = f"{getattr(source, 'backend', '')} {getattr(source, 'precision', '')}".strip()
            raise SourceError(
                f"A worker on {platform.node()} would run '{source.info.name}' in another form ({form}) than the "
                "machine that asked; name a backend that all machines have with --backend, or use machines of one kind."
            )
        self._source = source
        return source


def _on_workers(source: Encoder, payloads: list[_Payload], job: _Job, engine: Engine) -> Iterator[Any]:
    """What the job gave for each payload, in their order."""
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
                f"Worker processes of Ray died {RETRIES + 1} times over the same items; they do where memory runs out, "
                "so use fewer workers or smaller batches, or encode on one machine to see which item it is."
            ) from None


def _ship(ray: Any, source: Encoder) -> Any:
    try:
        return ray.put(source)
    except TypeError as error:
        reason = " ".join(str(error).split())
        raise SourceError(
            f"The source '{source.info.name}' cannot be sent to other processes ({reason:.200}); open it by its name, "
            "or encode without Ray."
        ) from None


def _dataset(ray: Any, payloads: list[_Payload], worker: Any, workers: int, gpus: int) -> Any:
    """The outcomes as a data set that is computed while it is read."""
    context = ray.data.DataContext.get_current().copy()
    context.enable_progress_bars = False
    context.execution_options.preserve_order = True
    context.max_errored_blocks = 0
    rows = [{"payload": payload} for payload in payloads]
    with ray.data.DataContext.current(context), warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the limit of retries has no other door before Ray 2.64
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
    """The items with absolute paths: a worker runs in another folder."""
    if isinstance(items, np.ndarray) or modality not in ("image", "audio"):
        return items
    return [os.path.abspath(item) if isinstance(item, str | Path) else item for item in items]  # noqa: PTH100


def _most_shipped(items: Sequence[Any], order: NDArray[np.intp]) -> int:
    """How many items are sent at a time, by the largest of eight."""
    spread = order[np.linspace(0, len(order) - 1, min(8, len(order))).astype(np.intp)]
    largest = max(_bytes_of(items[k]) for k in spread)
    return max(1, CHUNK_BYTES // largest)


def _bytes_of(item: Any) -> int:
    if isinstance(item, str | bytes):
        return max(1, len(item))
    width, height = getattr(item, "size", (8, 8)) if hasattr(item, "getbands") else (8, 8)
    return int(getattr(item, "nbytes", 4 * width * height)) or 1
