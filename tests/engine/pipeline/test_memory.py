"""How much memory is free: of the machine, and of a container."""

from __future__ import annotations

from pathlib import Path

from headstart.engine.pipeline.memory import available_memory


def plant(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


MEMINFO = {"proc/meminfo": "MemTotal: 8000 kB\nMemAvailable: 4000 kB\n"}


def test_available_memory_is_what_is_free(tmp_path):
    assert available_memory(plant(tmp_path, MEMINFO)) == 4000 * 1024


def test_the_limit_of_a_container_counts(tmp_path):
    group = "sys/fs/cgroup/box"
    plant(tmp_path, MEMINFO | {"proc/self/cgroup": "0::/box/inner\n", f"{group}/inner/memory.max": "max\n"})
    plant(tmp_path, {f"{group}/memory.max": "1000000\n", f"{group}/memory.current": "900000\n"})
    assert available_memory(tmp_path) == 100_000
    plant(tmp_path, {f"{group}/memory.stat": "anon 5\ninactive_file 300000\n"})
    assert available_memory(tmp_path) == 400_000


def test_the_limit_of_an_older_container_counts(tmp_path):
    folder = "sys/fs/cgroup/memory"
    plant(tmp_path, MEMINFO | {f"{folder}/memory.limit_in_bytes": "3000000", f"{folder}/memory.usage_in_bytes": "1"})
    assert available_memory(tmp_path) == 2_999_999


def test_a_full_container_leaves_one_byte_and_an_unknown_system_nothing(tmp_path):
    assert available_memory(tmp_path) is None
    folder = "sys/fs/cgroup/memory"
    plant(tmp_path, {f"{folder}/memory.limit_in_bytes": "5", f"{folder}/memory.usage_in_bytes": "9"})
    assert available_memory(tmp_path) == 1
