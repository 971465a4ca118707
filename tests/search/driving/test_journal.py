"""The journal: whole lines, one search, one writer."""

from __future__ import annotations

import json
import math

import pytest

from headstart.errors import SaveError, UsageError
from headstart.search.driving.journal import MOST_BYTES, Journal, open_journal


def test_remembered_values_are_computed_once(tmp_path):
    path, calls = tmp_path / "a.jsonl", []

    def make():
        calls.append(1)
        return {"cell": "0:relu", "loss": 0.1 + 0.2}

    first = Journal(path, {"seed": 0}).remember("darts 0", make)
    assert Journal(path, {"seed": 0}).remember("darts 0", make) == first == {"cell": "0:relu", "loss": 0.1 + 0.2}
    assert len(calls) == 1


@pytest.mark.parametrize("content", [b"not json\n", b"[1, 2]\n", b"\xff\xfe\n"])
def test_another_file_is_refused_and_kept(tmp_path, content):
    path = tmp_path / "a.jsonl"
    path.write_bytes(content)
    with pytest.raises(UsageError, match="is no journal of a search"):
        Journal(path, {"seed": 0})
    assert path.read_bytes() == content


def test_two_processes_do_not_write_one_journal(tmp_path):
    path = tmp_path / "a.jsonl"
    busy = pytest.raises(SaveError, match="Another process goes on with the search")
    with open_journal(path, {}), busy, open_journal(path, {}):
        pass


TRIED = {"point": [0, 1], "loss": 0.5, "seconds": 0.1, "note": "", "elapsed": 0.2}


@pytest.mark.parametrize(
    "line",
    [
        "{}",
        '{"remembered": [1], "value": 2}',
        '{"remembered": "a"}',
        "[" * 100_000,
        '{"a": ' * 100_000,
        json.dumps(TRIED | {"point": "ab"}),
        json.dumps(TRIED | {"point": [True, 0.5]}),
        json.dumps(TRIED | {"loss": "0.5"}),
        json.dumps(TRIED | {"loss": math.nan}),
        json.dumps(TRIED | {"loss": 10**400}),
        json.dumps(TRIED | {"seconds": -1}),
        json.dumps(TRIED | {"note": None}),
        json.dumps(TRIED | {"elapsed": math.inf}),
        json.dumps({"point": [0], "passed over": 1, "elapsed": 0}),
    ],
    ids=range(14),
)
def test_a_changed_entry_is_refused_in_a_sentence_and_the_file_kept(tmp_path, line):
    path = tmp_path / "a.jsonl"
    Journal(path, {"seed": 0}).append(TRIED)
    with path.open("a") as file:
        file.write(f"{line}\n" + '{"unfinished')
    before = path.read_bytes()
    with pytest.raises(UsageError, match=r"is no journal of a search; remove it"):
        Journal(path, {"seed": 0})
    assert path.read_bytes() == before


def test_a_file_that_is_too_large_is_refused_before_it_is_read(tmp_path):
    path = tmp_path / "a.jsonl"
    with path.open("wb") as file:
        file.truncate(MOST_BYTES + 1)
    with pytest.raises(UsageError, match="is no journal of a search"):
        Journal(path, {"seed": 0})


def test_a_file_without_a_whole_line_is_a_journal_only_if_it_begins_as_one(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"my notes")
    with pytest.raises(UsageError, match="is no journal of a search"):
        Journal(path, {"seed": 0})
    assert path.read_bytes() == b"my notes"
    path.write_bytes(b'{"see')  # killed while the header was written
    Journal(path, {"seed": 0})
    assert path.read_bytes() == b'{"seed": 0}\n'


def test_a_changed_remembered_value_is_refused(tmp_path):
    path = tmp_path / "a.jsonl"
    Journal(path, {}).remember("pilot", lambda: [1, 2])
    assert Journal(path, {}).remember("pilot", list, lambda value: value == [1, 2]) == [1, 2]
    with pytest.raises(UsageError, match="is no journal of a search"):
        Journal(path, {}).remember("pilot", list, lambda value: value == [1, 3])


def test_the_lock_is_held_until_the_block_ends_and_its_file_stays(tmp_path):
    path = tmp_path / "a.jsonl"
    with open_journal(path, {}) as journal:
        journal.remove()
        assert not path.exists()
        with pytest.raises(SaveError, match="Another process goes on"), open_journal(path, {}):
            pass
    assert [one.name for one in tmp_path.iterdir()] == [".a.jsonl.lock"]


@pytest.mark.parametrize("written", [False, True])
def test_what_interrupts_a_search_says_that_the_command_goes_on(tmp_path, written):
    def interrupted():
        with open_journal(tmp_path / "a.jsonl", {}) as journal:
            if written:
                journal.remove()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as left:
        interrupted()
    notes = getattr(left.value, "__notes__", [])
    assert ["the same command goes on" in note for note in notes] == ([] if written else [True])
