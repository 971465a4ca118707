"""Run a training: device, checkpoint folder, one process or a cluster, and back to the CPU.

Fine-tuning by a strategy, fine-tuning on all items and distillation all go through `run_training`. They differ in the
`Job` that they pass: module, parameters, batches, loss and validation.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace

from headstart.tune.training.device import best_device, channels_last
from headstart.tune.training.job import Job, Outcome
from headstart.tune.training.loop import train
from headstart.tune.training.ray import train_on_ray
from headstart.tune.training.settings import Budget, Training

__all__ = ["Cluster", "run_training", "training_key"]

FOLDER_NAME = 20  # hexadecimal digits of the key in the name of the checkpoint's folder


@dataclass(frozen=True, eq=False)
class Cluster:
    """A Ray cluster on which several workers train together.

    Attributes:
        address: address of the Ray cluster, or ``"auto"``.
        workers: number of workers; None for one per GPU, or per CPU if there is no GPU.
        make: returns the job of a worker, whose batches are its share by ``budget.parallel``; each worker gets a copy.
    """

    address: str
    workers: int | None
    make: Callable[[Budget], Job]


def training_key(facts: object, *contents: bytes | memoryview) -> str:
    """A key that no other training has, so that only its own checkpoint is resumed.

    Args:
        facts: everything that the outcome depends on; its ``repr`` is hashed.
        contents: bytes of labels or targets, which are hashed too.

    Returns:
        64 hexadecimal digits.

    Examples:
        >>> training_key(("lp_ft", 0), b"labels") == training_key(("lp_ft", 1), b"labels")
        False
    """
    digest = hashlib.sha256(repr(facts).encode())
    for content in contents:
        digest.update(content)
    return digest.hexdigest()


def run_training(
    job: Job,
    training: Training,
    *,
    key: str,
    items: int,
    seed: int = 0,
    budget: Budget = Budget(),
    around: Callable[[Job], AbstractContextManager[Job]] = nullcontext,
    cluster: Cluster | None = None,
) -> Outcome:
    """Train a job on the best device; its module ends on the CPU, in evaluation mode, with the weights that are kept.

    Args:
        job: what is trained; its ``finish`` is called on the trained module, still on the device.
        training: the settings.
        key: from `training_key`; the checkpoint is in a folder of this name inside ``budget.folder``.
        items: training items in an epoch; only the reported speed depends on it.
        seed: of the order of the items and of all other random numbers.
        budget: time limit, checkpoints and logs.
        around: a context that is entered once the module is on its device. It yields the job to train in place of
            ``job``, and undoes its changes on exit; not used on a cluster.
        cluster: None to train in this process.

    Returns:
        How it went.

    Raises:
        SaveError: if a checkpoint cannot be written; the one before is still there.
        SourceError: if there is no cluster at the address, or the job cannot be sent to its workers.

    Examples:
        >>> import torch
        >>> from headstart.tune.training.batches import ItemBatches
        >>> from headstart.tune.training.job import ParameterGroup
        >>> x = torch.linspace(-1, 1, 64)[:, None]
        >>> body, settings = torch.nn.Linear(1, 1), Training(epochs=50, learning_rate=0.1, precision="fp32")
        >>> batches = ItemBatches(list(x), 3 * x.numpy(), lambda item: item, torch.stack, settings, seed=0)
        >>> def loss(batch):
        ...     return ((body(batch.inputs) - batch.targets) ** 2).mean()
        >>> job = Job(body, (ParameterGroup(("weight", "bias")),), batches, loss)
        >>> run_training(job, settings, key=training_key("slope"), items=64).steps
        100
        >>> abs(body.weight.item() - 3) < 0.2, body.training
        (True, False)
    """
    channels_last(job.module.to(best_device()))
    if budget.folder is not None:
        budget = replace(budget, folder=budget.folder / key[:FOLDER_NAME])
    if cluster is None:
        began = time.perf_counter()
        with around(job) as changed:
            left = budget.less(time.perf_counter() - began)
            outcome = train(changed, training, seed=seed, budget=left, key=key, items=items)
    else:
        outcome = train_on_ray(
            cluster.make, job, training, seed=seed, budget=budget, key=key, items=items, address=cluster.address,
            workers=cluster.workers,
        )  # fmt: skip
    job.finish()
    job.module.to("cpu").eval()
    return outcome
