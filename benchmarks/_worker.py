"""The process of `_common.Worker`: one variant in its own process.

    python benchmarks/_worker.py MODULE:FUNCTION [--once SETTINGS]

The first line of standard input has the settings as JSON; each further line asks for one run. With ``--once``, the
settings are in the file that the next argument names, and there is one run without warm-up. Variants time themselves.
"""

from __future__ import annotations

import importlib
import json
import multiprocessing
import resource
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from _common import MARK, MIB


def main() -> None:
    """Set the variant up, then run it as often as asked."""
    module, function = sys.argv[1].split(":")
    make: Callable[[dict[str, Any]], Callable[[], dict[str, Any]]] = getattr(importlib.import_module(module), function)
    if sys.argv[2:3] == ["--once"]:
        settings = json.loads(Path(sys.argv[3]).read_text(encoding="utf-8"))
        print(json.dumps(_usage(make({**settings, "warm": False})())))
        return
    run = make({"warm": True, **json.loads(sys.stdin.readline())})
    _answer({"ready": True})
    for _ in sys.stdin:
        _answer(_usage(run()))


def _usage(found: dict[str, Any]) -> dict[str, Any]:
    """Add the peak memory of this process and of its largest finished child process."""
    multiprocessing.active_children()  # reaps them
    own, children = (
        resource.getrusage(who).ru_maxrss / MIB for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    return {"peak_mib": own, "child_mib": children if found.get("children") else 0, **found}


def _answer(value: dict[str, Any]) -> None:
    print(MARK + json.dumps(value), flush=True)


if __name__ == "__main__":
    main()
