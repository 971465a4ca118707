"""Heads: the task-specific layers, solved on features."""

from headstart.heads.feature_map import FeatureMap, candidate_maps
from headstart.heads.registry import HEADS, SpectralHead
from headstart.heads.selection import Candidate, FittedHead, select_head

__all__ = ["HEADS", "Candidate", "FeatureMap", "FittedHead", "SpectralHead", "candidate_maps", "select_head"]
