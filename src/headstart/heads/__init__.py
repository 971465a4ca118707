"""Heads: the layers from features to the labels of a task, solved or fitted on features that are there already.

A head is a module of its own here, named in `headstart.heads.registry`; what serves several heads, or their choice,
goes into a sub-package named by its concern.
"""

from headstart.heads.feature_map import FeatureMap, candidate_maps
from headstart.heads.fitted import Candidate, Evidence, FittedHead
from headstart.heads.problem import HeadSearch
from headstart.heads.registry import HEADS, EstimatorHead, HeadKind, SpectralHead
from headstart.heads.selection import select_head

__all__ = [
    "HEADS",
    "Candidate",
    "EstimatorHead",
    "Evidence",
    "FeatureMap",
    "FittedHead",
    "HeadKind",
    "HeadSearch",
    "SpectralHead",
    "candidate_maps",
    "select_head",
]
