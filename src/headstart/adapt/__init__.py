"""Adaptation: what maps one domain onto another, weighs its rows or corrects its class shares, without target labels.

Each method is a module named as in the literature and works on arrays only. Sources, models and files do not belong
here. Nothing heavy is imported here: the package can also be called as the function `headstart.transfer.adapt.adapt`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from headstart.adapt.classifier_ratio import ClassifierRatio
    from headstart.adapt.coral import Coral
    from headstart.adapt.kernel_mean_matching import KernelMeanMatching
    from headstart.adapt.linear_monge import LinearMonge
    from headstart.adapt.optimal_transport import OptimalTransport
    from headstart.adapt.registry import ADAPTERS, DomainAdapter
    from headstart.adapt.standardisation import Standardisation
    from headstart.adapt.subspace_alignment import SubspaceAlignment
    from headstart.adapt.ulsif import ULSIF

__all__ = [
    "ADAPTERS",
    "ULSIF",
    "ClassifierRatio",
    "Coral",
    "DomainAdapter",
    "KernelMeanMatching",
    "LinearMonge",
    "OptimalTransport",
    "Standardisation",
    "SubspaceAlignment",
]

_WHERE = {
    "ADAPTERS": "registry",
    "ULSIF": "ulsif",
    "ClassifierRatio": "classifier_ratio",
    "Coral": "coral",
    "DomainAdapter": "registry",
    "KernelMeanMatching": "kernel_mean_matching",
    "LinearMonge": "linear_monge",
    "OptimalTransport": "optimal_transport",
    "Standardisation": "standardisation",
    "SubspaceAlignment": "subspace_alignment",
}


def __getattr__(name: str) -> Any:
    if name in _WHERE:
        return getattr(import_module(f"headstart.adapt.{_WHERE[name]}"), name)
    raise AttributeError(f"module 'headstart.adapt' has no attribute '{name}'")
