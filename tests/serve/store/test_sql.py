"""Feedback in SQLite and in PostgreSQL: the same promises of both."""

from __future__ import annotations

import hashlib
import os
import sqlite3
from concurrent.futures import ThreadPoolExecutor

import pytest
from postgres import cluster, problem
from sqlalchemy import event
from sqlalchemy.exc import OperationalError

from headstart.errors import ParameterError, SaveError, UsageError
from headstart.serve.store.events import ConflictError, Feedback, Mark
from headstart.serve.store.sql import open_store


@pytest.fixture(scope="module")
def postgresql():
    if problem():
        pytest.skip(problem())
    with cluster() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request, tmp_path):
    return tmp_path / "feedback.db" if request.param == "sqlite" else request.getfixturevalue("postgresql")


@pytest.fixture
def name(request):
    return hashlib.sha256(request.node.name.encode()).hexdigest()


@pytest.fixture
def store(place, name):
    opened = open_store(place, name)
    yield opened
    opened.close()


def feedback(number, **changes):
    return Feedback(
        **{"kind": "text", "item": f"item {number}".encode(), "label": "up", "key": f"k{number}", **changes}
    )


def test_what_is_kept_comes_back_as_it_was(store, place, name):
    given = [
        feedback(1, kind="file", item=bytes(range(256)), label=["a", "b|ü"], predicted=["a"], who="Änne"),
        feedback(2, kind="json", item=b"[1.5, null]", label=0.1 + 0.2, predicted=1e-300),
        feedback(3, label="负面 😀", predicted="up", probability=0.25, model_version="7"),
    ]
    numbers = store.append(given)
    assert numbers == sorted(set(numbers))
    again = open_store(place, name)  # as another process does
    assert [one.feedback for one in again.events()] == given
    assert [one.number for one in again.events(numbers[0], numbers[1])] == numbers[1:2]
    assert (again.last(), again.count(), again.count(numbers[0])) == (numbers[2], 3, 2)
    assert len(again.events(most_bytes=256)) == 1
    assert again.known([given[0].digest, "0" * 64]) == {given[0].digest}
    again.close()


def test_a_key_is_kept_once_and_for_one_content(store):
    first = store.append([feedback(1)])
    assert store.append([feedback(1)]) == store.append([feedback(1, who="ann")]) == first
    for changed in (feedback(1, label="down"), feedback(1, item=b"other")):
        with pytest.raises(ConflictError, match="was used for another item or label"):
            store.append([feedback(2), changed])
    assert store.count() == 1  # all or none


def test_models_that_share_a_database_do_not_see_each_other(store, place, name):
    other = open_store(place, name[:-1])
    store.append([feedback(1)])
    other.append([feedback(1, label="down")])
    other.mark(Mark(2, 0, 9))
    assert [one.feedback.label for one in store.events()] == ["up"]
    assert (store.marks(), other.marks(), other.count()) == ([], [Mark(2, 0, 9)], 1)
    other.close()


def test_writers_at_once_lose_and_repeat_nothing(store, place, name):
    stores = [open_store(place, name) for _ in range(4)]

    def write(part):
        for number in range(10):
            stores[part].append([feedback(f"{part}-{number}"), feedback(f"shared-{number}")])

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(4)))
    for one in stores:
        one.close()
    keys = [one.feedback.key for one in store.events()]
    assert len(keys) == len(set(keys)) == 50


def test_numbers_become_visible_in_their_order(store, place, name):
    """Kind of fault: a reader that took "all up to n" misses an event whose smaller number is committed later."""
    writers, seen = [open_store(place, name) for _ in range(3)], []

    def write(part):
        for number in range(15):
            writers[part].append([feedback(f"{part}-{number}")])

    with ThreadPoolExecutor(3) as pool:
        running = [pool.submit(write, part) for part in range(3)]
        while not all(one.done() for one in running):
            seen.append([one.number for one in store.events()])
        for one in running:
            one.result()
    for one in writers:
        one.close()
    final = [one.number for one in store.events()]
    assert len(final) == 45
    assert all(found == final[: len(found)] for found in seen)


@pytest.mark.parametrize("changes", [
    {"label": "a\x00b"}, {"key": "a\x00"}, {"who": "\x00"}, {"model_version": "1\x00"}, {"predicted": "\x00"},
    {"label": float("nan")}, {"label": {}.keys()}, {"label": True}, {"label": "\ud800"}, {"probability": 2.0},
    {"probability": "0.5"}, {"key": ""}, {"who": "w" * 201}, {"label": "x" * 20_000},
])  # fmt: skip
def test_what_no_database_keeps_is_refused_in_one_sentence(changes):
    with pytest.raises(ParameterError, match=r"\.$"):
        feedback(1, **changes)


def test_sqlite_is_synchronised_on_every_commit_and_private(tmp_path):
    store = open_store(tmp_path / "feedback.db")
    with store.engine.connect() as connection:
        found = [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in ("journal_mode", "synchronous")]
    assert found == ["wal", 2]
    if os.name == "posix":
        assert (tmp_path / "feedback.db").stat().st_mode & 0o77 == 0
    store.close()


def test_a_store_that_is_locked_or_damaged_is_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr("headstart.serve.store.sql.BUSY_SECONDS", 0)
    store = open_store(tmp_path / "feedback.db")
    with sqlite3.connect(tmp_path / "feedback.db", isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(SaveError, match=r"not kept \(database is locked\); try again, with the same key\.$"):
            store.append([feedback(1)])
        other.execute("ROLLBACK")
    other.close()
    store.close()
    (tmp_path / "text.db").write_text("this is no database " * 100)
    with pytest.raises(UsageError, match="cannot be opened"):
        open_store(tmp_path / "text.db")
    with pytest.raises(UsageError, match="cannot be opened"):
        open_store(tmp_path / "nowhere" / "feedback.db")


def test_more_digests_than_a_query_takes_are_looked_up(store):
    last = feedback(1)
    store.append([last])
    assert store.known([f"{number:064x}" for number in range(70_000)] + [last.digest]) == {last.digest}


def test_a_commit_that_breaks_off_is_not_called_a_loss(tmp_path):
    """What the database did with it is not known, so that neither is said; the same key makes a second try harmless."""
    store = open_store(tmp_path / "feedback.db")
    given = Feedback("text", b"my parcel", "delivery", key="a")

    def broken(_connection):
        raise OperationalError("COMMIT", {}, OSError("the connection was lost"))

    event.listen(store.engine, "commit", broken)
    with pytest.raises(SaveError, match=r"^It is not known whether the feedback was kept \(the connection was lost\);"):
        store.append([given])
    with pytest.raises(SaveError, match=r"^It is not known whether the note of what a version was taught"):
        store.mark(Mark(2, 0, 1))
    event.remove(store.engine, "commit", broken)
    assert store.append([given]) == store.append([given])
    store.close()
