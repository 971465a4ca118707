"""Heads: the task-specific layers, solved on features."""

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
