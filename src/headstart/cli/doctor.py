"""``headstart doctor``."""

from __future__ import annotations

import argparse
import os
from importlib.util import find_spec
from typing import Any

from headstart.cli.output.console import json_text, write_line, write_pair
from headstart.data.text.languages import language_names
from headstart.errors import HeadstartError
from headstart.sources.built_in.entry import BuiltIn
from headstart.sources.embedded import BUILT_IN

__all__ = ["run"]

EXTRAS = {  # each extra without weights, with a module that no other extra installs
    "openvino": "openvino",
    "keras": "keras",
    "datasets": "datasets",
    "ray": "ray",
    "ray-serve": "grpc_reflection",
    "peft": "peft",
    "tensorboard": "tensorboard",
    "excel": "python_calamine",
    "heic": "pillow_heif",
    "plot": "matplotlib",
    "onnx": "onnxscript",
    "serve": "sqlalchemy",
    "postgresql": "psycopg",
    "mlflow": "mlflow",
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

    facts = {**environment(), **_machine()}
    extras = {name: find_spec(module) is not None for name, module in EXTRAS.items()}
    bodies = {f"headstart:{name}": _body(BUILT_IN[name]) for name in BUILT_IN}
    problems = _problems()
    if args.json:
        write_line(json_text({**facts, "extras": extras, "bodies": bodies, "problems": problems}))
        return 1 if problems else 0
    for key, value in facts.items():
        write_pair(key, value)
    write_pair("extras", ", ".join(_extra(*pair) for pair in extras.items()))
    for name, body in bodies.items():
        write_pair("body", f"{name}: {_about(body)}")
    for problem in problems:
        write_pair("problem", problem)
    write_pair("result", "something is broken, see above" if problems else "all is well")
    return 1 if problems else 0


def _body(entry: BuiltIn) -> dict[str, Any]:
    """The facts about a source of the install, and how to get it where it is not there."""
    info = entry.describe()
    return {
        "installed": entry.is_installed,
        "remedy": "" if entry.wheel is None or entry.is_installed else str(entry.wheel.missing()),
        "modality": info.modality,
        "parameters": info.parameters,
        "license": info.license,
        "sha256": info.sha256,
        "languages": list(info.languages),
    }


def _about(body: dict[str, Any]) -> str:
    if not body["installed"]:
        return f"not installed. {body['remedy']}"
    languages = f"; languages: {language_names(body['languages'])}" if body["languages"] else ""
    return (
        f"{body['modality']}, {body['parameters'] / 1e6:.1f} M parameters, {body['license']}, sha256 "
        f"{body['sha256'][:16]}...{languages}"
    )


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
