"""Architectures and points are the same things."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from headstart.search.head_space import head_space
from headstart.types import Block, Task

TASKS = [Task("classification", ("a", "b")), Task("multilabel", ("a", "b")), Task("regression", ("y",))]


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.kind)
@pytest.mark.parametrize("blocks", [(), (Block("last", 8),), (Block("stem", 40), Block("mid", 60), Block("last", 80))])
def test_encoding_undoes_decoding(task, blocks):
    space, rng = head_space(blocks, task, n=300, d=12), np.random.default_rng(0)
    for point in [space.sample(rng) for _ in range(300)]:
        assert space.encode(space.decode(point)) == point


def test_no_architecture_reads_nothing():
    space = head_space((Block("stem", 4), Block("last", 8)), TASKS[0], n=100)
    assert space.decode(space.point({"head": "knn"})).blocks == (1,)


def test_only_heads_that_support_the_task_are_in_the_space():
    heads = [
        next(gene.values for gene in head_space((), task, n=9, d=2).genes if gene.name == "head") for task in TASKS
    ]
    assert heads == [("ridge", "lda", "logistic", "knn", "cell"), ("ridge", "knn", "cell"), ("ridge", "knn", "cell")]


SMALL = {"random_features": (0, 64, 128), "bandwidth": (1.0, 2.0), "gamma": (1.0, 2.0), "width": (32,)}
SMALL |= {"decay": (0.1,), "op1": ("relu",), "op2": ("skip", "relu"), "op3": ("relu",)}


@pytest.mark.parametrize("task", [TASKS[0], TASKS[2]], ids=lambda task: task.kind)
@pytest.mark.parametrize("count", [0, 1, 2])
def test_architectures_are_counted_as_they_are_enumerated(task, count):
    space = head_space([Block(f"b{k}", 40) for k in range(count)], task, n=100, d=40)
    small = replace(space, genes=tuple(replace(g, values=SMALL.get(g.name, g.values)) for g in space.genes))
    assert small.architectures == len(small)
    without = replace(
        small, genes=tuple(replace(g, values=g.values[:2]) if g.name == "nodes" else g for g in small.genes)
    )
    assert without.architectures == len(without) < small.architectures


def test_the_number_of_architectures_of_a_real_space():
    assert head_space((), TASKS[0], n=150, d=40).architectures == 11_800
