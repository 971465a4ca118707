"""Cache of ranking results: the same rows and labels are looked up, not solved again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headstart.engine.cache.folder import entry_folder, mark_used, write_about
from headstart.errors import HeadstartError
from headstart.evaluate.evaluation import Metric
from headstart.io import atomic_file, make_folder, read_json, read_tensors, write_tensors
from headstart.transfer.ranking.measure import Measured, Question
from headstart.transfer.ranking.profile import BlockWorth
from headstart.types import Block, Rows, group_codes

__all__ = ["kept_or_computed", "result_key"]

VERSION = 2  # increase it when the same rows and labels give other results
CHUNK = 16_384
PROFILED = "-profile"
TENSORS, FACTS = "evidence.safetensors", "facts.json"


def result_key(
    rows: Rows, used: NDArray[np.intp], blocks: tuple[Block, ...], question: Question, head: str = ""
) -> str:
    """A digest of everything that the results depend on: rows, labels, groups, the question, and package versions.

    Args:
        rows: (n, d) features.
        used: (n,) positions of their items.
        blocks: the source's blocks.
        question: as in `measure`.
        head: identifies the source's own classifier, if a score needs it.

    Examples:
        >>> from headstart.types import Task
        >>> asked = Question(Task("classification", ("a", "b")), np.array([0, 1]), None)
        >>> one, other = (result_key(rows, np.arange(2), (), asked) for rows in (np.eye(2), np.ones((2, 2))))
        >>> one == other, one == result_key(np.eye(2), np.arange(2), (), asked)
        (False, True)
    """
    packages = {name: version(name) for name in ("headstart", "numpy", "scipy")}
    names = [(block.name, block.width) for block in blocks]
    asked = (VERSION, packages, asdict(question.task), names, question.scores, question.seed, head)
    digest = hashlib.blake2b(repr((asked, rows.shape)).encode(), digest_size=16)
    for start in range(0, len(rows), CHUNK):
        part = np.ascontiguousarray(rows[start : start + CHUNK])
        digest.update(part.dtype.str.encode())
        digest.update(part.data)
    groups = [] if question.groups is None else [group_codes(question.groups[used], len(used))]
    for array in (used, question.y[used], *groups):
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest() + (PROFILED if question.profile else "")


def kept_or_computed(key: str, name: str, compute: Callable[[], Measured]) -> Measured:
    """The cached result, else a computed one, which is then cached.

    Args:
        key: from `result_key`.
        name: of the source, for ``headstart cache info``.
        compute: called if nothing is cached.

    Examples:
        >>> loss = Metric(0.5, 0.4, 0.6)
        >>> made = Measured(2, np.arange(2), np.full(2, 0.5), loss, loss, "ridge", "rows", None, None, {}, ())
        >>> first, again = (kept_or_computed("doctest", "toy", lambda: made) for _ in range(2))
        >>> again.loss == first.loss, (again.losses == first.losses).all()
        (True, np.True_)
    """
    for known in (key, key + PROFILED):  # a result with a profile also answers a question without one
        folder = entry_folder("ranking", known)
        found = _read(folder)
        if found is not None:
            mark_used(folder)
            return found if key == known else replace(found, profile=())
    made = compute()
    _write(entry_folder("ranking", key), name, made)
    return made


def _read(folder: Path) -> Measured | None:
    if not (folder / FACTS).is_file():
        return None
    try:
        facts, tensors = read_json(folder / FACTS), read_tensors(folder / TENSORS)
        profile = tuple(BlockWorth(**worth) for worth in facts.pop("profile"))
        loss, merit, scores = (_floats(facts.pop(name)) for name in ("loss", "merit", "scores"))
        return Measured(
            **facts, loss=Metric(**loss), merit=Metric(**merit), profile=profile, scores=scores,
            index=tensors["index"].astype(np.intp), losses=tensors["losses"],
        )  # fmt: skip
    except (HeadstartError, OSError, KeyError, TypeError):  # damaged, or removed meanwhile: computed again
        return None


def _floats(values: dict[str, Any]) -> dict[str, float]:
    return {name: float("nan") if value is None else value for name, value in values.items()}


def _write(folder: Path, name: str, made: Measured) -> None:
    plain = ("items", "head", "features", "neighbours", "neighbours_accuracy")
    facts = {key: getattr(made, key) for key in plain}
    facts |= {"loss": made.loss.to_dict(), "merit": made.merit.to_dict(), "scores": dict(made.scores)}
    facts["profile"] = [asdict(worth) for worth in made.profile]
    try:
        make_folder(folder)
        write_about(folder, {"source": name, "what": "ranking"})
        with atomic_file(folder / TENSORS) as scratch:
            write_tensors(scratch, {"index": made.index.astype(np.int64), "losses": made.losses})
        with atomic_file(folder / FACTS) as scratch:  # written last: an entry without it counts as absent
            scratch.write_text(json.dumps(facts), encoding="utf-8")
    except (OSError, HeadstartError):  # a cache that cannot be written costs only the time to solve again
        return
