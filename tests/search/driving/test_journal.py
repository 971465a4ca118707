"""The journal: whole lines, one search, one writer."""

from __future__ import annotations

import pytest

from headstart.errors import SaveError, UsageError
from headstart.search.driving.journal import Journal, open_journal


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
