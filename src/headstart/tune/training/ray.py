"""Data-parallel training on a cluster with Ray Train: each worker takes its share of every batch.

Ray starts the workers and connects them (gloo on CPUs, nccl on GPUs). Each runs the one training loop, which sums the
gradients over all workers before every step, so that a step is that of the complete batch. The first worker writes the
checkpoints to a folder that all machines share. The last checkpoint is the result, and new workers that replace lost
ones resume from it.

Up to rounding the result is that of one process, if an item's loss does not depend on other items of its batch.
Whatever is computed over a batch is computed over each worker's share: the mean and variance of batch normalisation in
training mode, the pairs of mixup, a penalty such as that of BSS. Running statistics follow the mean over all shares.

References:
    Li et al. 2020, "PyTorch Distributed: Experiences on Accelerating Data Parallel Training";
    Moritz et al. 2018, "Ray: A distributed framework for emerging AI applications".
"""

from __future__ import annotations

import json
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from headstart import errors
from headstart.engine.ray.session import ray_session
from headstart.errors import HeadstartError, SourceError
from headstart.io import make_folder
from headstart.tune.training.job import Job, Outcome
from headstart.tune.training.loop import train
from headstart.tune.training.settings import Budget, Training

__all__ = ["ProcessGroup", "train_on_ray"]

RETRIES = 3  # after workers died
POLL_SECONDS = 0.5
ERROR, PROGRESS = "error.json", "progress.json"


@dataclass(frozen=True)
class ProcessGroup:
    """This process in torch's default process group; a `headstart.tune.training.processes.Parallel`.

    Attributes:
        rank: number of this process, from 0.
        size: number of processes.

    Examples:
        >>> ProcessGroup(0, 2).size
        2
    """

    rank: int
    size: int

    def sum(self, tensors: Sequence[Tensor]) -> None:
        """Replace each tensor by its sum over all processes."""
        from torch import distributed

        device = "cuda" if distributed.get_backend() == "nccl" else "cpu"
        for dtype in {tensor.dtype: None for tensor in tensors}:
            chosen = [tensor for tensor in tensors if tensor.dtype == dtype]
            flat = torch.cat([tensor.detach().reshape(-1).to(device) for tensor in chosen])
            distributed.all_reduce(flat)
            parts = torch.split(flat, [tensor.numel() for tensor in chosen])
            for tensor, part in zip(chosen, parts, strict=True):
                tensor.detach().copy_(part.reshape(tensor.shape))


def train_on_ray(
    make: Callable[[Budget], Job],
    job: Job,
    training: Training,
    *,
    seed: int = 0,
    budget: Budget = Budget(),
    key: str = "",
    items: int = 0,
    address: str = "auto",
    workers: int | None = None,
) -> Outcome:
    """Train as `headstart.tune.training.loop.train` does, on the workers of a Ray cluster.

    Args:
        make: returns the job of a worker, whose batches are its share by ``budget.parallel``; each worker gets a copy.
        job: the job of this process, whose module holds the kept weights at the end.
        training: the settings.
        seed: of the order of the items and of all other random numbers.
        budget: time limit, checkpoints and logs; folders must be on a file system that all machines share.
        key: identifies this training; a checkpoint with another key is not resumed.
        items: training items in an epoch; only the reported speed depends on it.
        address: address of the cluster, or ``"auto"``, see `headstart.engine.ray.session.ray_session`.
        workers: number of workers; None for one per GPU, or per CPU if there is no GPU; at most what the cluster has.

    Returns:
        How it went.

    Raises:
        MissingExtraError: if Ray is not installed.
        SourceError: if there is no cluster at the address, or the body cannot be sent to other processes.
        SaveError: if a checkpoint cannot be written, or not all workers find it.
        HeadstartError: if workers die repeatedly.

    Examples:
        >>> from headstart.sources.toy_shift import ToyBody
        >>> train_on_ray(lambda budget: job, None, Training(), address="nowhere")
        Traceback (most recent call last):
        headstart.errors.SourceError: There is no Ray cluster at 'nowhere' (nothing answers there); give ...
    """
    with ExitStack() as stack:
        ray = stack.enter_context(ray_session(address, workers))
        named = budget.folder or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="headstart-")))
        folder, logs = named.absolute(), None if budget.logs is None else budget.logs.absolute()
        sent = replace(budget, folder=folder, logs=logs, progress=None, parallel=None, on_epoch=None)
        work = _TrainingWork(make, training, sent, {"seed": seed, "key": key, "items": items})
        _run(ray, work, folder, workers, budget)
        alone = replace(sent, logs=None)
        return train(job, training, seed=seed, budget=alone, key=key, items=items)


@dataclass(frozen=True)
class _TrainingWork:
    """What is sent to every worker."""

    make: Callable[[Budget], Job]
    training: Training
    budget: Budget
    options: Mapping[str, Any]


def _run(ray: Any, work: _TrainingWork, folder: Path, workers: int | None, budget: Budget) -> None:
    """Train on workers, and again with new ones after a failure."""
    resources = ray.cluster_resources()
    gpus = int(resources.get("GPU", 0))
    there = max(1, gpus or int(resources.get("CPU", 1)))
    count = min(workers or there, there)
    try:
        shipped = ray.put(work)
    except TypeError as error:
        reason = " ".join(str(error).split())
        raise SourceError(
            f"This training cannot be sent to other processes ({reason:.200}); open the source by name, or train "
            "without Ray."
        ) from None
    make_folder(folder)
    for attempt in range(RETRIES + 1):
        with tempfile.TemporaryDirectory(prefix=".ray-", dir=folder, ignore_cleanup_errors=True) as place:
            failed = _attempt(shipped, Path(place), count, gpus > 0, budget)
            if failed is None:
                return
            _raise_worker_error(Path(place))
        if attempt == RETRIES:
            reason = " ".join(str(failed).split())[-300:]
            raise HeadstartError(
                f"Worker processes of Ray failed {RETRIES + 1} times in the training; a likely cause is too little "
                f"memory, so use fewer workers or smaller batches, or train on one machine: {reason}"
            ) from failed


def _attempt(shipped: Any, place: Path, count: int, gpu: bool, budget: Budget) -> Exception | None:
    """Train once; returns the error that Ray raised, if any.

    Ray takes over the interrupts of its thread, so it does not run in the main thread.
    """
    from ray import train as ray_train
    from ray.train.torch import TorchTrainer

    trainer = TorchTrainer(
        _worker,
        train_loop_config={"work": shipped, "place": str(place)},
        scaling_config=ray_train.ScalingConfig(num_workers=count, use_gpu=gpu),
        run_config=ray_train.RunConfig(name="training", storage_path=str(place)),
    )
    errors_found: list[Exception] = []

    def fit() -> None:
        try:
            trainer.fit()
        except Exception as error:  # noqa: BLE001 (handed to the thread that waits)
            errors_found.append(error)

    thread = threading.Thread(target=fit, daemon=True)
    thread.start()
    last = ""
    while thread.is_alive():
        thread.join(POLL_SECONDS)
        last = _report_progress(place / PROGRESS, last, budget)
    return errors_found[0] if errors_found else None


def _report_progress(file: Path, last: str, budget: Budget) -> str:
    """Report the first worker's progress, if it has changed; returns its text."""
    if budget.progress is None or not file.is_file():
        return last
    text = file.read_text(encoding="utf-8")
    if text != last:
        done, total, detail = json.loads(text)
        budget.progress(done, total, detail)
    return text


def _raise_worker_error(place: Path) -> None:
    """Raise the Headstart error that a worker recorded, if there is one."""
    file = place / ERROR
    if file.is_file():
        name, message = json.loads(file.read_text(encoding="utf-8"))
        kind = getattr(errors, name)
        raise kind(message) if name in RAISED_AGAIN else HeadstartError(message)


RAISED_AGAIN = (
    "DataError",
    "ItemError",
    "ParameterError",
    "SaveError",
    "SourceError",
)  # that are made of their sentence


def _worker(config: Mapping[str, Any]) -> None:
    """Train in a worker process."""
    import ray
    from ray import train as ray_train

    work: _TrainingWork = ray.get(config["work"])
    context, place = ray_train.get_context(), Path(config["place"])
    group = ProcessGroup(context.get_world_rank(), context.get_world_size())

    written = 0.0

    def progress(done: int, total: int, detail: str = "") -> None:
        nonlocal written
        if done == total or time.perf_counter() - written > POLL_SECONDS:
            written = time.perf_counter()
            _put(place / PROGRESS, [done, total, detail])

    budget = replace(work.budget, parallel=group, progress=progress if group.rank == 0 else None)
    try:
        train(work.make(budget), work.training, budget=budget, **work.options)
    except HeadstartError as error:
        _put(place / ERROR, [type(error).__name__, str(error)])
        raise


def _put(file: Path, value: object) -> None:
    """Write a small file atomically."""
    scratch = file.with_suffix(f".{threading.get_ident()}")
    scratch.write_text(json.dumps(value), encoding="utf-8")
    scratch.replace(file)
