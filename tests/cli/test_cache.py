"""headstart cache info and prune."""

from __future__ import annotations

import json
import os
import time

import numpy as np
import pytest
from command_line import CommandLine

from headstart.engine.cache.features import open_store
from headstart.engine.cache.folder import entry_folder

pytestmark = pytest.mark.usefixtures("bare_cli")


@pytest.fixture
def filled(cli: CommandLine) -> CommandLine:
    """A cache with rows of three items, used two hours ago, and a body."""
    with open_store("rows", {"source": "timm:tiny", "form": "openvino bf16", "width": 300}) as store:
        store.put([bytes([k] * 16) for k in range(3)], np.ones((3, 300), np.float32))
    os.utime(entry_folder("features", "rows") / "about.json", (time.time() - 7300,) * 2)
    entry_folder("body", "converted").mkdir(parents=True)
    (entry_folder("body", "converted") / "facts.json").write_bytes(os.urandom(3 * 2**20))
    return cli


def test_info_of_an_empty_cache(cli):
    cli.works("cache", "info", says=["cache", "limit", "HEADSTART_CACHE_LIMIT", "0 B, 0 entries"])
    assert json.loads(cli.works("cache", "info", "--json").out)["entries"] == []
    assert not entry_folder("body", "x").parent.exists()


def test_info_says_what_is_kept(filled):
    out = filled.works("cache", "info").out
    rows = next(line for line in out.splitlines() if line.startswith("features"))
    assert rows.split()[3] == "3"
    assert rows.endswith("2 hours ago     timm:tiny, openvino bf16, 300")
    body = next(line for line in out.splitlines() if line.startswith("body"))
    assert "3.0 MiB" in body
    assert body.endswith("just now        converted")
    assert "2 entries" in out


def test_info_as_json(filled):
    facts = json.loads(filled.works("cache", "info", "--json").out)
    body, rows = facts["entries"]
    assert (body["kind"], body["key"], body["bytes"]) == ("body", "converted", 3 * 2**20)
    assert (rows["rows"], rows["about"]["form"]) == (3, "openvino bf16")
    assert rows["last_used"].endswith("+00:00")
    assert facts["bytes"] == body["bytes"] + rows["bytes"]
    assert facts["folder"] == str(filled.folder / "cache")
    assert facts["limit_bytes"] > 0


def test_prune_removes_what_was_not_used_for_longest(filled):
    filled.works("cache", "prune", "--limit", "4MB", says=["0 entries", "2 entries in"])
    out = filled.works("cache", "prune", "--limit", "3.15MB").out
    assert "1 entry" in out.splitlines()[0]
    assert not entry_folder("features", "rows").exists()
    assert entry_folder("body", "converted").exists()


def test_prune_all_as_json(filled):
    facts = json.loads(filled.works("cache", "prune", "--all", "--json").out)
    assert {entry["key"] for entry in facts["removed"]} == {"rows", "converted"}
    assert facts["removed_bytes"] > 3 * 2**20
    assert facts["bytes"] == 0


def test_prune_alone_keeps_to_the_limit(filled, monkeypatch):
    filled.works("cache", "prune", says=["0 entries"])
    monkeypatch.setenv("HEADSTART_CACHE_LIMIT", "1kB")
    filled.works("cache", "prune", says=["2 entries"])


def test_a_size_that_is_none(cli, monkeypatch):
    cli.refuses("cache", "prune", "--limit", "lots", code=2, says=["'5GB'", "'lots'"])
    monkeypatch.setenv("HEADSTART_CACHE_LIMIT", "lots")
    cli.refuses("cache", "info", code=2, says=["HEADSTART_CACHE_LIMIT", "'lots'"])


def test_all_and_a_limit_at_once(cli):
    assert cli("cache", "prune", "--all", "--limit", "1GB").code == 2
