"""Public conformance checks of tasks, heads, scores, strategies and sources.

The tests of Headstart run them over the registries, so a new entry is tested before its author writes a test. Authors
of third-party entries call them in their own tests::

    from headstart.checks import checks_for
    for check in checks_for("head"):
        check("my_head")
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.engine.capabilities import Cacheable, LayerChoosing, runtime_of
from headstart.engine.extract import extract
from headstart.engine.options import BACKENDS, Engine
from headstart.errors import ItemError, UsageError
from headstart.heads import HEADS, HeadSearch, SpectralHead, select_head
from headstart.linear.calibration import softmax
from headstart.linear.leave_out import leave_one_group_out
from headstart.linear.spectrum import Spectrum
from headstart.model import TransferModel
from headstart.scores import SCORES
from headstart.sources import open_source
from headstart.tasks import TASKS
from headstart.tune import STRATEGIES, MovingStrategy, fit
from headstart.types import Dataset, Source, Task, TaskKind

__all__ = [
    "check_head_left_out",
    "check_head_solves",
    "check_source_caches",
    "check_source_encodes",
    "check_source_saves",
    "check_source_untrained",
    "check_strategy_solves",
    "check_task_contract",
    "checks_for",
    "toy_task",
]


def _require(condition: bool | np.bool, message: str) -> None:
    if not condition:
        raise AssertionError(message)


def checks_for(kind: str) -> tuple[Callable[..., None], ...]:
    """The checks of one kind of entry.

    Args:
        kind: ``"task"``, ``"head"``, ``"score"``, ``"strategy"`` (called with a registered name) or ``"source"``
            (called with an open source and at least four items for it).

    Examples:
        >>> [check.__name__ for check in checks_for("strategy")]
        ['check_strategy_solves']
    """
    checks: dict[str, tuple[Callable[..., None], ...]] = {
        "task": (check_task_contract,),
        "head": (check_head_left_out, check_head_solves),
        "source": (check_source_encodes, check_source_untrained, check_source_saves, check_source_caches),
        "strategy": (check_strategy_solves,),
        "score": (check_score_ranks,),
    }
    return checks[kind]


def toy_task(kind: TaskKind, *, n: int = 90, seed: int = 0) -> tuple[NDArray[np.float32], NDArray[Any], Task]:
    """Rows (n, 6), labels and a task that any working method solves.

    Args:
        kind: the kind of task.
        n: number of rows; default 90.
        seed: seed of the noise; default 0.

    Examples:
        >>> x, y, task = toy_task("classification")
        >>> x.shape, task.labels
        ((90, 6), ('a', 'b', 'c'))
    """
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, 3, size=n)
    x = rng.normal(size=(n, 6)).astype(np.float32)
    x[:, :3] += 6.0 * np.eye(3, dtype=np.float32)[codes]
    base = TASKS[kind].base
    if base == "classification":
        return x, codes, Task(kind, ("a", "b", "c"))
    if base == "multilabel":
        return x, (x[:, :2] > x[:, :2].mean(axis=0)).astype(float), Task(kind, ("one", "two"))
    return x, x[:, :2].astype(float) @ np.array([[1.0], [-2.0]]), Task(kind, ("value",))


def check_task_contract(name: str) -> None:
    """Targets, calibration, outputs, losses and decoded labels have the right shapes; inputs are not changed.

    Raises:
        AssertionError: if the task breaks the contract.

    Examples:
        >>> check_task_contract("regression")
    """
    methods = TASKS[name]
    x, y, task = toy_task(name)
    before = y.copy()
    targets = methods.targets(y, task.num_outputs)
    _require(targets.shape == (len(y), task.num_outputs), f"{name}: targets must be (n, outputs), not {targets.shape}")
    scores = targets + 0.1 * x[:, : task.num_outputs].astype(float)
    outputs = methods.outputs(scores, methods.calibrate(scores, y))
    _require(outputs.shape == scores.shape, f"{name}: outputs must have the shape of the scores")
    losses = methods.loss(outputs, y)
    _require(losses.shape == (len(y),), f"{name}: it must give one loss per item")
    _require(np.isfinite(losses).all(), f"{name}: losses must be finite")
    _require(losses.mean() < methods.loss(outputs[::-1], y).mean(), f"{name}: better outputs must have a smaller loss")
    _require(len(methods.decode(outputs, task)) == len(y), f"{name}: it must decode one label per item")
    _require(np.array_equal(y, before), f"{name}: labels were changed in place")


def check_head_left_out(name: str) -> None:
    """Leave-one-out and leave-one-group-out scores equal those of actual refits, for small and large λ.

    Only closed-form heads (`SpectralHead`) are checked; other heads are refitted anyway.

    Raises:
        AssertionError: if they are not.

    Examples:
        >>> check_head_left_out("ridge")
    """
    head = HEADS[name]
    if not isinstance(head, SpectralHead):
        return
    for kind in sorted(head.tasks):
        x, y, task = toy_task(kind, n=36)
        targets = TASKS[kind].targets(y, task.num_outputs)
        for groups in (np.arange(36), np.arange(36) // 4):
            spectrum = Spectrum.from_rows(x, targets)
            for left_out in leave_one_group_out(spectrum, x, targets, groups, (1e-3, 1.0, 1e3)):
                scores = head.left_out_scores(spectrum, left_out, targets, groups)
                refitted = _refitted_scores(head, x, targets, groups, left_out.lam)
                if kind == "classification":  # a constant per row cancels in the softmax
                    scores, refitted = softmax(scores), softmax(refitted)
                agree = np.allclose(scores, refitted, rtol=1e-7, atol=1e-8)
                _require(
                    agree, f"{name} on {kind}: leave-one-out scores differ from those of a refit at λ = {left_out.lam}"
                )


def _refitted_scores(
    head: SpectralHead, x: NDArray[np.float32], targets: NDArray[np.float64], groups: NDArray[np.int64], lam: float
) -> NDArray[np.float64]:
    scores = np.empty_like(targets)
    for group in np.unique(groups):
        out = groups == group
        weight, bias = head.coefficients(Spectrum.from_rows(x[~out], targets[~out]), lam)
        scores[out] = x[out] @ weight + bias
    return scores


def check_head_solves(name: str) -> None:
    """The out-of-fold loss is below half of that for shuffled labels, and two fits give the same scores.

    Raises:
        AssertionError: if the head does not learn the toy task.

    Examples:
        >>> check_head_solves("lda")
    """
    for kind in sorted(HEADS[name].tasks):
        x, y, task = toy_task(kind, n=60)
        if kind == "classification":  # numbers, for ordinal heads
            task = replace(task, labels=("1", "2", "3"))
        first = select_head(x, y, task, search=HeadSearch((name,)))
        again = select_head(x, y, task, search=HeadSearch((name,)))
        shuffled = select_head(x, y[np.random.default_rng(1).permutation(len(y))], task, search=HeadSearch((name,)))
        _require(
            first.loss < 0.5 * shuffled.loss, f"{name} on {kind}: it does not learn (out-of-fold loss {first.loss})"
        )
        _require(np.allclose(first.scores(x), again.scores(x), rtol=1e-9), f"{name} on {kind}: two fits differ")


def check_score_ranks(name: str) -> None:
    """Informative features score higher than shuffled labels, repeatably, and inputs are not changed.

    Raises:
        AssertionError: if the score does not separate a useful source from noise.

    Examples:
        >>> check_score_ranks("logme")
    """
    score = SCORES[name]
    for kind in sorted(score.tasks):
        x, y, task = toy_task(kind)
        before, labels = x.copy(), y.copy()
        useful = score(x, y, task)
        noise = score(x, y[np.random.default_rng(1).permutation(len(y))], task)
        _require(useful > noise, f"{name} on {kind}: {useful} for the true labels, {noise} for shuffled ones")
        _require(score(x, y, task) == useful, f"{name} on {kind}: two calls differ")
        _require(np.array_equal(x, before) and np.array_equal(y, labels), f"{name} on {kind}: inputs were changed")


def check_source_encodes(source: Source, items: Sequence[Any]) -> None:
    """Features have the declared width, are finite and repeatable, and do not depend on the order of the items.

    Args:
        source: an open source.
        items: at least four items that it can encode.

    Raises:
        AssertionError: if the source breaks the contract.

    Examples:
        >>> check_source_encodes(open_source("toy"), ["one", "two", "three", "four"])
    """
    rows = source.encode(items)
    width = sum(block.width for block in source.info.blocks) or rows.shape[1]
    name = source.info.name
    _require(rows.shape == (len(items), width), f"{name}: rows must be (n, {width}), not {rows.shape}")
    _require(np.isfinite(rows).all(), f"{name}: rows must be finite")
    _require(np.array_equal(rows, source.encode(items)), f"{name}: encoding twice gives different rows")
    backwards = source.encode(list(items)[::-1])[::-1]
    _require(
        np.allclose(rows, backwards, rtol=0.02, atol=0.02 * np.abs(rows).max()),
        f"{name}: rows depend on the order of the items",
    )
    if source.info.num_features is not None and source.info.blocks:
        _require(
            source.info.blocks[-1].width == source.info.num_features, f"{name}: the last block must be the usual output"
        )
    encoded = extract(source, [items[0], object()], engine=Engine(cache=False))
    _require(list(encoded.failures) == [1], f"{name}: an invalid item must raise ItemError")
    try:
        source.prepare(object())
    except ItemError:
        pass
    else:
        raise AssertionError(f"{name}: prepare must raise ItemError for an invalid item")


def check_source_untrained(source: Source, items: Sequence[Any]) -> None:
    """The body with random weights has the same blocks and other weights, and is repeatable for a seed.

    Args:
        source: an open source.
        items: items that it can encode.

    Raises:
        AssertionError: if the source breaks the contract.

    Examples:
        >>> check_source_untrained(open_source("toy"), ["one", "two", "three", "four"])
    """
    twin, again = source.untrained(1), source.untrained(1)
    if twin is None or again is None:
        _require(not source.info.blocks, f"{source.info.name}: a source with a body must have an untrained one")
        return
    rows = twin.encode(items)
    _require(rows.shape == source.encode(items).shape, f"{source.info.name}: the untrained body has another width")
    _require(
        not np.allclose(rows, source.encode(items)), f"{source.info.name}: the untrained body has the trained weights"
    )
    _require(np.array_equal(rows, again.encode(items)), f"{source.info.name}: the same seed gives other weights")


def check_source_saves(source: Source, items: Sequence[Any]) -> None:
    """What ``save`` wrote opens again and encodes to the same rows.

    Args:
        source: an open source.
        items: items that it can encode.

    Raises:
        AssertionError: if the rows differ.

    Examples:
        >>> check_source_saves(open_source("vector"), [[1.0], [2.0], [3.0], [4.0]])
    """
    with _opened_again(source) as opened:
        same = opened is None or np.array_equal(opened.encode(items), source.encode(items))
        _require(same, f"{source.info.name}: saved rows differ")


@contextmanager
def _opened_again(source: Source) -> Iterator[Source | None]:
    """The source as another process opens it from its saved files; None for a user's module, which is not saved."""
    with tempfile.TemporaryDirectory() as folder:
        name = source.save(Path(folder) / "body")["name"]
        if name.endswith(":."):  # what was written into the folder
            name = f"{name[:-1]}{Path(folder) / 'body'}"
        yield None if name.startswith("module:") else open_source(name, modality=source.info.modality)


def check_source_caches(source: Source, items: Sequence[Any]) -> None:
    """The key of stored features is the same for the same choice, and differs for other layers.

    A source without ``choose`` passes, since its features are never stored. On OpenVINO, where rows do not depend on
    their batch, they must be equal to the last bit for every order of the items.

    Args:
        source: an open source.
        items: items that it can encode.

    Raises:
        AssertionError: if the source breaks the contract of `headstart.engine.capabilities.Cacheable`.

    Examples:
        >>> check_source_caches(open_source("toy"), ["one", "two", "three", "four"])
    """
    if not isinstance(source, Cacheable):
        return
    name, prepared = source.info.name, [source.prepare(item) for item in items]
    found = source.choose(Engine(), len(items), lambda: prepared)
    _require(found is None or (isinstance(found, str) and found != ""), f"{name}: choose must give a str or None")
    backend = runtime_of(source).backend
    engine = Engine(
        backend if backend in BACKENDS else "auto"
    )  # with "auto" the choice may change between calls, with a name not

    def key(other: Source) -> str | None:
        return other.choose(engine, len(items), lambda: prepared) if isinstance(other, Cacheable) else None

    _require(key(source) == found, f"{name}: the same choice gives another key")
    with _opened_again(source) as opened:
        _require(opened is None or key(opened) == found, f"{name}: opened again, it gives another key")
    last = source.with_layers("last") if isinstance(source, LayerChoosing) else source
    if found is not None and last.info.blocks != source.info.blocks:
        _require(key(last) != found, f"{name}: other layers need another key")
    if backend == "openvino":
        backwards = source.forward(prepared[::-1])[::-1]
        _require(np.array_equal(source.forward(prepared), backwards), f"{name}: a second forward gives other rows")


def check_strategy_solves(name: str) -> None:
    """The strategy fits a model that solves a toy task of texts, and the saved model gives the same outputs.

    A strategy that fine-tunes the body must refuse this source, which has no trainable body, in one sentence.

    Raises:
        AssertionError: if it does not.

    Examples:
        >>> check_strategy_solves("frozen")
    """
    source = open_source("toy")
    texts = [f"{word} {i}" for i in range(12) for word in ("sunshine", "thunder")]
    y = np.array([0, 1] * 12)
    task = Task("classification", ("sun", "storm"))
    data = Dataset(items=texts, ids=tuple(texts), modality="text", task=task, y=y)
    strategy = STRATEGIES[name]
    if isinstance(strategy, MovingStrategy):
        _refuses(name, lambda: fit(strategy, source, data, seed=0))
        return
    model = fit(strategy, source, data, seed=0)
    new = ["sunshine 77", "thunder 99"]
    _require(model.predict(new) == ["sun", "storm"], f"{name}: it does not solve the toy task")
    with tempfile.TemporaryDirectory() as folder:
        loaded = TransferModel.load(model.save(Path(folder) / "model"))
        _require(
            np.abs(loaded.predict_proba(new) - model.predict_proba(new)).max() <= 1e-6,
            f"{name}: saving changes its outputs",
        )


def _refuses(name: str, call: Callable[[], object]) -> None:
    try:
        call()
    except UsageError as error:
        _require("\n" not in str(error), f"{name}: an error is one sentence")
    else:
        raise AssertionError(f"{name}: a source without a body must be refused")
