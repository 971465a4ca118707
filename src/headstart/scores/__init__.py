"""Transferability scores, which predict how useful a source is for a target, and distances between domains.

Each score or distance is a module named as in the literature and works on arrays only; `headstart.scores.registry`
lists those that rank sources.
"""

from headstart.scores.evidence import ModelEvidence, gaussian_evidence
from headstart.scores.frechet import frechet_distance
from headstart.scores.gbc import gbc
from headstart.scores.h_score import h_score
from headstart.scores.leave_one_out_ridge import LeaveOneOutRidge, leave_one_out_ridge
from headstart.scores.leep import leep
from headstart.scores.linear_cka import label_cka, linear_cka
from headstart.scores.logme import logme
from headstart.scores.mmd import DomainDiscrepancy, maximum_mean_discrepancy
from headstart.scores.n_leep import n_leep
from headstart.scores.nce import nce
from headstart.scores.nearest_neighbours import LeaveOneOutNeighbours, nearest_neighbours
from headstart.scores.parc import parc
from headstart.scores.proxy_a_distance import proxy_a_distance
from headstart.scores.registry import SCORES, Score
from headstart.scores.sfda import sfda
from headstart.scores.transrate import transrate

__all__ = [
    "SCORES",
    "DomainDiscrepancy",
    "LeaveOneOutNeighbours",
    "LeaveOneOutRidge",
    "ModelEvidence",
    "Score",
    "frechet_distance",
    "gaussian_evidence",
    "gbc",
    "h_score",
    "label_cka",
    "leave_one_out_ridge",
    "leep",
    "linear_cka",
    "logme",
    "maximum_mean_discrepancy",
    "n_leep",
    "nce",
    "nearest_neighbours",
    "parc",
    "proxy_a_distance",
    "sfda",
    "transrate",
]
