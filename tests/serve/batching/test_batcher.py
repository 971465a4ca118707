"""The batcher: exact bounds, answers that find their request, items that fail alone, deadlines, and a clean end."""

from __future__ import annotations

import asyncio
import random
import threading
import time

import numpy as np
import pytest

from headstart.errors import ItemError
from headstart.serve.batching.batcher import Batcher
from headstart.serve.batching.calls import BusyError, ClosedError
from headstart.serve.batching.served import AnswerOptions

NOTHING = AnswerOptions()


class Model:
    """A model whose answer is the number in the item; it notes its batches, and fails on items below 0."""

    def __init__(self, version: str = "1", *, seconds: float = 0.0, streams: int = 1, together: bool = True) -> None:
        self.version, self.seconds, self.streams, self.prepares_in_batches = version, seconds, streams, together
        self.gate = threading.BoundedSemaphore(streams)
        self.sizes: list[int] = []
        self.parts = False
        self.alike: list[bool] = []
        self.running = self.most_running = 0
        self._lock = threading.Lock()

    def prepare(self, items):
        return [ItemError("odd") if item == 13 else item for item in items]

    def length_class(self, item):
        return item % 3 if self.parts else 0

    def rows(self, prepared):
        self.alike.append(len({self.length_class(item) for item in prepared}) == 1)
        with self._lock:
            self.running += 1
            self.most_running = max(self.most_running, self.running)
            self.sizes.append(len(prepared))
        time.sleep(self.seconds)
        with self._lock:
            self.running -= 1
        if min(prepared) < 0:
            raise RuntimeError("poison")
        return np.array(prepared, np.float64)[:, None]

    def answers(self, rows, _options):
        return [{"value": float(row[0]), "version": self.version} for row in rows]


def batcher(**options) -> Batcher:
    return Batcher(**{"most_items": 8, "wait": 0.0, "queue": 10_000} | options)


def values(found) -> list[float]:
    return [answer["value"] for answer in found]


@pytest.mark.parametrize(("streams", "together"), [(1, True), (3, True), (2, False)])
def test_every_request_gets_its_own_answers_in_batches_of_at_most_b(streams, together):
    model, own = Model(seconds=0.001, streams=streams, together=together), batcher(most_items=8)
    draw = random.Random(0)
    asked = [[draw.randrange(10**6) * 2 for _ in range(draw.randrange(1, 12))] for _ in range(200)]

    async def all_of_them():
        return await asyncio.gather(*(own.answer(model, items, NOTHING) for items in asked))

    found = asyncio.run(all_of_them())
    own.close()
    assert [values(one) for one in found] == [[float(item) for item in items] for items in asked]
    assert max(model.sizes) == 8
    assert sum(model.sizes) == sum(map(len, asked))
    assert len(model.sizes) < 1.5 * sum(map(len, asked)) / 8
    assert model.most_running <= streams
    assert own.depth == 0


def test_where_too_many_wait_those_of_one_length_run_first():
    model, own = Model(seconds=0.01), batcher(most_items=8)
    model.parts = True

    async def ask():
        return await asyncio.gather(*(own.answer(model, [2 * k], NOTHING) for k in range(90)))

    found = asyncio.run(ask())
    own.close()
    assert [values(one) for one in found] == [[2.0 * k] for k in range(90)]
    assert max(model.sizes) == 8
    assert len(model.sizes) < 20
    assert sum(model.alike) > len(model.sizes) / 2


def test_poisoned_items_fail_alone():
    model, own = Model(seconds=0.001), batcher(most_items=64)
    items = list(range(64))
    items[20] = items[41] = -1

    async def ask():
        return await asyncio.gather(*(own.answer(model, [item], NOTHING) for item in items))

    found = [one[0] for one in asyncio.run(ask())]
    own.close()
    failed = [place for place, answer in enumerate(found) if "error" in answer]
    assert failed == [13, 20, 41]
    assert found[20]["error"] == "The model failed on this item (RuntimeError)."
    assert [answer["value"] for place, answer in enumerate(found) if place not in failed] == [
        float(item) for place, item in enumerate(items) if place not in failed
    ]


def test_an_item_that_was_refused_before_is_answered_at_its_place():
    model, own = Model(), batcher()
    found = asyncio.run(own.answer(model, [4, ItemError("no"), 6], NOTHING))
    assert (found[0]["value"], found[1], found[2]["value"]) == (4.0, {"error": "no"}, 6.0)
    assert asyncio.run(own.answer(model, [ItemError("no")], NOTHING)) == [{"error": "no"}]
    own.close()


def test_a_request_that_does_not_fit_is_refused_at_once_and_the_others_are_answered():
    model, own = Model(seconds=0.05), batcher(most_items=2, queue=10)

    async def ask():
        first = [asyncio.ensure_future(own.answer(model, [k, k], NOTHING)) for k in range(5)]
        await asyncio.sleep(0)
        with pytest.raises(BusyError) as busy:
            await own.answer(model, list(range(9)), NOTHING)
        assert busy.value.seconds >= 1
        return await asyncio.gather(*first)

    assert [values(one) for one in asyncio.run(ask())] == [[float(k), float(k)] for k in range(5)]
    own.close()


def test_what_nobody_waits_for_does_not_run():
    model, own = Model(seconds=0.1), batcher(most_items=1)

    async def ask():
        first = asyncio.ensure_future(own.answer(model, [1], NOTHING))
        await asyncio.sleep(0.03)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.02):
                await own.answer(model, [2, 2, 2], NOTHING)
        assert values(await first) == [1.0]
        assert values(await own.answer(model, [3], NOTHING)) == [3.0]

    asyncio.run(ask())
    own.close()
    assert (len(model.sizes), own.depth, own._asked) == (2, 0, {})


def test_closing_answers_what_waits_and_refuses_the_rest():
    model, own = Model(seconds=0.02), batcher(most_items=4)

    async def ask():
        waiting = [asyncio.ensure_future(own.answer(model, [2 * k], NOTHING)) for k in range(20)]
        await asyncio.sleep(0)
        await asyncio.to_thread(own.close)
        with pytest.raises(ClosedError):
            await own.answer(model, [1], NOTHING)
        return await asyncio.gather(*waiting)

    assert [values(one) for one in asyncio.run(ask())] == [[2.0 * k] for k in range(20)]
    assert own._owner is not None
    assert not own._owner.is_alive()


def test_a_request_alone_does_not_wait_for_others_and_one_that_others_follow_does():
    model, own = Model(), batcher(wait=5.0, most_items=3)
    began = time.monotonic()
    asyncio.run(own.answer(model, [1], NOTHING))
    assert time.monotonic() - began < 2

    async def followed():
        with own.arrival():
            first = asyncio.ensure_future(own.answer(model, [1], NOTHING))
            await asyncio.sleep(0.05)
            second = asyncio.ensure_future(own.answer(model, [2, 3], NOTHING))
            return await asyncio.gather(first, second)

    assert [values(one) for one in asyncio.run(followed())] == [[1.0], [2.0, 3.0]]
    own.close()
    assert model.sizes == [1, 3]


def test_a_swap_under_load_loses_and_mixes_nothing():
    versions = [Model(str(k), seconds=0.0005) for k in range(20)]
    own, current = batcher(most_items=16), 0

    async def client(number: int) -> list[tuple[str, dict]]:
        found = []
        for k in range(50):
            taken = versions[current]
            items = [number * 1000 + k * 2] * 3
            answers = await own.answer(taken, items, NOTHING)
            assert values(answers) == [float(items[0])] * 3
            found += [(taken.version, answer) for answer in answers]
        return found

    async def ask():
        nonlocal current
        clients = [asyncio.ensure_future(client(number)) for number in range(32)]
        while not all(one.done() for one in clients):
            current = min(current + 1, len(versions) - 1)
            await asyncio.sleep(0.005)
        return await asyncio.gather(*clients)

    found = [pair for one in asyncio.run(ask()) for pair in one]
    own.close()
    assert len(found) == 32 * 50 * 3
    assert all(version == answer["version"] for version, answer in found)
    assert len({version for version, _ in found}) > 3
