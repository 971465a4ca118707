"""The store of feedback in SQLite: idempotent, ordered, and nothing acknowledged is lost, even by kill -9."""

from __future__ import annotations

import os
import signal
import sqlite3
import stat
import subprocess
import sys
import threading

import pytest

from headstart.errors import ParameterError, SaveError, UsageError
from headstart.serve.store.events import ConflictError, Feedback
from headstart.serve.store.sql import open_store

WRITER = """
import sys
from headstart.serve.store.events import Feedback
from headstart.serve.store.sql import open_store
store = open_store(sys.argv[1])
for k in range(10_000):
    given = Feedback("text", f"{sys.argv[2]} {k}".encode(), "up", key=f"{sys.argv[2]}-{k}")
    print(store.append([given])[0], given.key, flush=True)
"""


@pytest.fixture
def store(tmp_path):
    found = open_store(tmp_path / "feedback.db")
    yield found
    found.close()


def events(count: int, name: str = "a") -> list[Feedback]:
    return [Feedback("text", f"{name}{k}".encode(), "up", key=f"{name}{k}") for k in range(count)]


def test_what_is_kept_comes_back_as_it_was(store):
    given = [
        Feedback("text", "Grüße \U0001f600".encode(), "neu", predicted="alt", probability=0.25, who="Ann"),
        Feedback("file", bytes(range(256)), ["a", "b"], predicted=["a"]),
        Feedback("json", b"[1.5, 2]", 3.25),
    ]  # fmt: skip
    assert store.append(given) == [1, 2, 3]
    assert [one.feedback for one in store.events()] == given
    assert [one.number for one in store.events(1, 2)] == [2]
    assert [one.number for one in store.events(most=2)] == [1, 2]


def test_a_repeated_key_is_kept_once_and_other_content_is_a_conflict(store):
    first = events(2)
    assert store.append(first) == store.append(first) == [1, 2]
    with pytest.raises(ConflictError):
        store.append([*events(1, "new"), Feedback("text", b"other", "up", key="a0")])
    assert store.last() == 2  # all or none


@pytest.mark.parametrize("label", ["", None, True, float("nan"), float("inf"), {"a": 1}, "a\x00", "\ud800", ["a", ""]])
def test_a_label_that_no_database_keeps_is_refused(label):
    with pytest.raises(ParameterError):
        Feedback("text", b"a", label)


def test_threads_write_at_once_and_numbers_are_those_of_the_commits(store):
    seen: list[int] = []

    def write(name: str) -> None:
        for given in events(25, name):
            seen.extend(store.append([given]))

    threads = [threading.Thread(target=write, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(seen) == list(range(1, 101))
    assert [one.number for one in store.events()] == list(range(1, 101))


def test_the_file_is_private_and_synchronised(store, tmp_path):
    store.append(events(1))
    assert stat.S_IMODE((tmp_path / "feedback.db").stat().st_mode) == 0o600
    with store.engine.connect() as connection:
        found = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in ("journal_mode", "synchronous")
        }
    assert found == {"journal_mode": "wal", "synchronous": 2}


def test_a_file_that_is_no_database_is_refused(tmp_path):
    (tmp_path / "a.db").write_bytes(b"not a database" * 100)
    with pytest.raises(UsageError, match=r"cannot be opened"):
        open_store(tmp_path / "a.db")


def test_a_database_that_another_process_holds_is_reported(store, tmp_path, monkeypatch):
    monkeypatch.setattr("headstart.serve.store.sql.BUSY_SECONDS", 0)
    other = open_store(tmp_path / "feedback.db")
    with sqlite3.connect(tmp_path / "feedback.db", isolation_level=None) as holder:
        holder.execute("BEGIN IMMEDIATE")
        with pytest.raises(SaveError, match="not kept"):
            other.append(events(1))
        holder.execute("ROLLBACK")
    holder.close()
    assert other.append(events(1)) == [1]
    other.close()


def killed(path, name: str, after: int) -> list[tuple[int, str]]:
    """What a writing process acknowledged before it was killed."""
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(path), name], stdout=subprocess.PIPE, text=True)
    assert writer.stdout is not None
    lines = [writer.stdout.readline() for _ in range(after)]
    os.kill(writer.pid, signal.SIGKILL)
    lines += writer.stdout.read().splitlines(keepends=True)
    writer.stdout.close()
    writer.wait()
    return [(int(number), key) for number, key in (line.split() for line in lines if line.endswith("\n"))]


@pytest.mark.slow
def test_nothing_acknowledged_is_lost_by_kill_9(tmp_path):
    acknowledged = [pair for k in range(10) for pair in killed(tmp_path / "feedback.db", f"w{k}", after=3 + 2 * k)]
    store = open_store(tmp_path / "feedback.db")
    kept = {one.number: one.feedback.key for one in store.events()}
    store.close()
    assert len(acknowledged) > 100
    assert all(kept[number] == key for number, key in acknowledged)
