"""Run the reader of an exported folder on items, with packages in the way of its imports that it must do without.

Started as a script, in a process of its own: guarded.py READER ITEMS.json OUT PACKAGES BANNED. The answers are
probabilities where OUT ends in .npy, and annotations, as arrays by name for each item, where it ends in .npz.
"""

from __future__ import annotations

import importlib.abc
import importlib.util
import json
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

__all__ = ["run"]


class ImportGuard(importlib.abc.MetaPathFinder):
    """Refuses the import of some packages."""

    def __init__(self, banned: frozenset[str]) -> None:
        self.banned = banned

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> None:  # noqa: ARG002 (one contract)
        """Raise for a banned package; None leaves the others to the usual finders."""
        if name.partition(".")[0] in self.banned:
            raise ImportError(f"an exported model must run without '{name}'")


def run(reader: Path, items: list[Any], asked: str = "probabilities") -> tuple[Any, float]:
    """What the reader answers, (n, k) or n mappings, and the seconds that it took without loading.

    Args:
        reader: the file.
        items: n items.
        asked: the function of the reader.

    Examples:
        >>> import tempfile
        >>> file = Path(tempfile.mkdtemp()) / "model.py"
        >>> _ = file.write_text("def probabilities(items): return [[len(item)] for item in items]")
        >>> run(file, ["ab", "c"])[0]
        [[2], [1]]
    """
    spec = importlib.util.spec_from_file_location("exported_model", reader)
    if spec is None or spec.loader is None:
        raise ImportError(f"'{reader}' is no Python file")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    started = time.perf_counter()
    answer = getattr(module, asked)
    return answer(items), time.perf_counter() - started


def _main() -> None:
    import numpy as np

    reader, items, out, packages, banned = sys.argv[1:]
    sys.meta_path.insert(0, ImportGuard(frozenset(json.loads(banned))))
    given = json.loads(Path(items).read_text(encoding="utf-8"))
    found, seconds = run(Path(reader), given, "probabilities" if out.endswith(".npy") else "annotations")
    if out.endswith(".npy"):
        np.save(out, np.asarray(found, np.float64), allow_pickle=False)
    else:
        arrays: dict[str, Any] = {f"{k}.{name}": part for k, one in enumerate(found) for name, part in one.items()}
        np.savez(out, **arrays)
    facts = {"seconds": seconds, "packages": {name: version(name) for name in json.loads(packages)}}
    sys.stdout.write(json.dumps(facts) + "\n")


if __name__ == "__main__":
    _main()
