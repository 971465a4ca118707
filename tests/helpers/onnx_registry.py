"""torch's table of ONNX operators, which it makes anew for each export, made once a run: half of a small export."""

from __future__ import annotations

import sys
from functools import cache
from types import ModuleType
from typing import Any

MODULE = "torch.onnx._internal.exporter._registration"


def keep_registry() -> None:
    """Once torch's exporter is loaded, let it copy the table that it has made before."""
    module = sys.modules.get(MODULE)
    if module is not None and "made_once" not in vars(module):
        _patch(module)


def _patch(module: ModuleType) -> None:
    registry: Any = module.ONNXRegistry
    make = cache(registry.from_torchlib)

    def copied(*versions: int, **named: int) -> Any:
        made, copy = make(*versions, **named), registry()
        vars(copy).update(vars(made))
        copy.functions = {operator: list(forms) for operator, forms in made.functions.items()}
        return copy

    registry.from_torchlib = staticmethod(copied)
    vars(module)["made_once"] = True
