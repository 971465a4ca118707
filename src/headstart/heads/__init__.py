"""Heads: the last layer of a model, from features to the labels of a task, fitted on features extracted beforehand.

Each head is a module of its own, listed in `headstart.heads.registry`. Code that several heads share, or that chooses
between them, goes into a sub-package named after its concern.
"""

from headstart.heads.feature_map import FeatureMap, candidate_maps
from headstart.heads.fitted import Candidate, Evidence, FittedHead
from headstart.heads.problem import HeadSearch
from headstart.heads.registry import HEADS, EstimatorHead, FactoredHead, HeadKind, SpectralHead
from headstart.heads.selection import select_head

__all__ = [
    "HEADS",
    "Candidate",
    "EstimatorHead",
    "Evidence",
    "FactoredHead",
    "FeatureMap",
    "FittedHead",
    "HeadKind",
    "HeadSearch",
    "SpectralHead",
    "candidate_maps",
    "select_head",
]
