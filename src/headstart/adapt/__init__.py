"""Adaptation: what maps one domain onto another, weighs its rows or corrects its class shares, without target labels.

Each method is a module named as in the literature and works on arrays only. Sources, models and files do not belong
here.
"""

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
