"""Training on Ray: workers that share each batch give what one process gives."""

from __future__ import annotations

import os
import signal
from dataclasses import replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from headstart.engine.options import Engine
from headstart.engine.ray.session import ray_session
from headstart.errors import ParameterError, SaveError
from headstart.heads import HeadSearch
from headstart.sources.toy_shift import toy_shift
from headstart.tune.contrastive import CONTRASTIVE
from headstart.tune.lp_ft import LP_FT
from headstart.tune.moving.move import move
from headstart.tune.network.body_and_head import task_loss
from headstart.tune.training.batches import ItemBatches
from headstart.tune.training.job import Job, ParameterGroup
from headstart.tune.training.loop import train
from headstart.tune.training.ray import ProcessGroup, train_on_ray
from headstart.tune.training.settings import Budget, Training
from headstart.types import Task

PLAIN = Training(epochs=2, batch_size=16, learning_rate=0.02, precision="fp32", augmentation="none")
TASK = Task("regression", ("product",))


def made(budget, *, deadly=None, refused=False, norm=False):
    """The job of a worker; sent by value, for this file cannot be imported there."""
    torch.manual_seed(0)
    body = nn.Sequential(nn.Linear(3, 8), nn.BatchNorm1d(8) if norm else nn.Tanh(), nn.Linear(8, 1))
    rng = np.random.default_rng(0)
    x = rng.normal(size=(40, 3)).astype(np.float32)
    share = (0, 1) if budget.parallel is None else (budget.parallel.rank, budget.parallel.size)

    def collate(items):
        return torch.from_numpy(np.stack(items))

    batches = ItemBatches(x, x[:, :1] * x[:, 1:2], np.asarray, collate, PLAIN, seed=0, share=share)
    if refused and budget.parallel is not None:
        raise SaveError("There is no room.")

    def loss(batch):
        if deadly is not None and share[0] == 1 and not Path(deadly).exists():
            Path(deadly).touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return task_loss(TASK, body(batch.inputs), batch.targets).mean() * batch.share

    def validate():
        with torch.no_grad():
            return float((body.eval()(torch.from_numpy(x)) - torch.from_numpy(x[:, :1] * x[:, 1:2])).square().mean())

    names = tuple(name for name, _ in body.named_parameters())
    return Job(body, (ParameterGroup(names),), batches, loss, validate)


def expected(**options):
    job = made(Budget(), **options)
    return job.module.state_dict(), train(job, PLAIN, key="a", items=40)


def on_ray(workers, budget=Budget(), **options):
    job = made(Budget(), **options)
    outcome = train_on_ray(partial(made, **options), job, PLAIN, budget=budget, key="a", items=40, workers=workers)
    return job.module.state_dict(), outcome


@pytest.fixture(scope="module")
def cluster():
    """One cluster for the tests of this file: starting one takes longer than most of them."""
    if find_spec("ray") is None:  # not importorskip: what Ray prints is decided before it is imported
        pytest.skip("Ray is not installed")
    with ray_session("auto", 2):
        yield


def close(found, wanted):
    for name, value in wanted.items():
        torch.testing.assert_close(found[name], value, rtol=0, atol=1e-5)


@pytest.fixture
def alone():
    """A process group of this process alone."""
    from torch import distributed

    distributed.init_process_group("gloo", store=distributed.HashStore(), rank=0, world_size=1)
    yield
    distributed.destroy_process_group()


def test_sums_keep_shapes_and_number_formats(alone):
    tensors = [torch.ones(2, 3), torch.tensor(4), torch.ones(1, dtype=torch.float64), torch.zeros(3).requires_grad_()]
    ProcessGroup(0, 1).sum(tensors)
    assert [tensor.dtype for tensor in tensors] == [torch.float32, torch.int64, torch.float64, torch.float32]
    assert torch.equal(tensors[0], torch.ones(2, 3))
    assert tensors[1] == 4


def test_the_shares_of_a_batch_are_its_gradient():
    whole = made(Budget())
    [batch] = next(whole.batches.epoch(0, 0))
    whole.loss(batch).backward()
    found = [torch.zeros_like(parameter) for parameter in whole.module.parameters()]
    for rank in range(3):
        job = made(Budget(parallel=ProcessGroup(rank, 3)))
        for part in next(job.batches.epoch(0, 0)):
            job.loss(part).backward()
        for total, parameter in zip(found, job.module.parameters(), strict=True):
            total.add_(parameter.grad)
    for total, parameter in zip(found, whole.module.parameters(), strict=True):
        torch.testing.assert_close(total, parameter.grad, rtol=0, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_workers_give_the_weights_of_one_process(workers, cluster, tmp_path):
    wanted, outcome = expected()
    heard = []
    budget = Budget(logs=tmp_path / "logs", progress=lambda *told: heard.append(told))
    handler = signal.getsignal(signal.SIGINT)
    found, ray_outcome = on_ray(workers, budget)
    close(found, wanted)
    assert (ray_outcome.stopped, ray_outcome.steps) == ("done", outcome.steps)
    assert ray_outcome.loss == pytest.approx(outcome.loss, abs=1e-5)
    assert heard[-1][:2] == (6, 6)
    assert len((tmp_path / "logs" / "training.csv").read_text().splitlines()) == 3
    assert signal.getsignal(signal.SIGINT) is handler


@pytest.mark.slow
def test_a_lost_worker_is_replaced_and_the_training_goes_on(cluster, tmp_path):
    wanted, _ = expected()
    found, outcome = on_ray(2, Budget(folder=tmp_path / "state"), deadly=str(tmp_path / "died"))
    assert (tmp_path / "died").exists()
    close(found, wanted)
    assert outcome.stopped == "done"


@pytest.mark.slow
def test_what_a_worker_refuses_is_said_in_its_words(cluster):
    with pytest.raises(SaveError, match=r"^There is no room\.$"):
        on_ray(2, refused=True)


@pytest.mark.slow
def test_with_normalisation_by_shares_the_result_is_near_and_all_workers_agree(cluster):
    wanted, outcome = expected(norm=True)
    found, ray_outcome = on_ray(2, norm=True)
    assert ray_outcome.loss == pytest.approx(outcome.loss, rel=0.2)
    torch.testing.assert_close(found["1.running_mean"], wanted["1.running_mean"], rtol=0, atol=0.05)


@pytest.mark.slow
def test_a_body_moves_on_workers_as_in_one_process(cluster):
    shift = toy_shift()
    strategy = replace(LP_FT, training=replace(PLAIN, epochs=4, batch_size=32))
    part = shift.train.take(range(120))
    here = move(strategy, shift.source, part, search=HeadSearch(("ridge",)))
    one, two = (
        move(strategy, shift.source, part, search=HeadSearch(("ridge",)), engine=Engine(ray="auto", workers=n))
        for n in (1, 2)
    )
    items = shift.test.items[:40]
    rows = [found.candidates[1].model.predict_proba(items) for found in (here, one, two)]
    assert rows[1] == pytest.approx(rows[0], abs=1e-4)
    assert two.outcome.loss == pytest.approx(here.outcome.loss, abs=0.1)
    with pytest.raises(ParameterError, match="'contrastive' needs all items of a batch"):
        move(CONTRASTIVE, shift.source, part, search=HeadSearch(("ridge",)), engine=Engine(ray="auto", workers=2))
