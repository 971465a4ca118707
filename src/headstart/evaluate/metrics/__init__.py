"""Metrics as pure functions ``(outputs, y, sample_weight=None)`` on arrays.

Weights of the shape (..., n) keep their leading axes: a stack of bootstrap weights gives a stack of values in one array
operation. An undefined metric is nan, never a warning. Losses (log-loss, Brier score, ECE, Hamming loss, MAE, RMSE) are
better when smaller; all others when larger.
"""

from __future__ import annotations

from headstart.evaluate.metrics.counts import (
    ClassCounts,
    accuracy,
    balanced_accuracy,
    class_counter,
    class_counts,
    confusion_matrix,
    f1,
    hamming_loss,
    hits,
    macro_f1,
    macro_precision,
    macro_recall,
    micro_f1,
    precision,
    recall,
    subset_accuracy,
)
from headstart.evaluate.metrics.probability import brier, calibration_meter, ece, item_brier, item_log_loss, log_loss
from headstart.evaluate.metrics.ranking import average_precision, class_ranker, class_rankings, macro_area, roc_auc
from headstart.evaluate.metrics.regression import mae, r2, rmse, spearman
from headstart.evaluate.metrics.weighted import mean_defined, weighted_mean

__all__ = [
    "ClassCounts",
    "accuracy",
    "average_precision",
    "balanced_accuracy",
    "brier",
    "calibration_meter",
    "class_counter",
    "class_counts",
    "class_ranker",
    "class_rankings",
    "confusion_matrix",
    "ece",
    "f1",
    "hamming_loss",
    "hits",
    "item_brier",
    "item_log_loss",
    "log_loss",
    "macro_area",
    "macro_f1",
    "macro_precision",
    "macro_recall",
    "mae",
    "mean_defined",
    "micro_f1",
    "precision",
    "r2",
    "recall",
    "rmse",
    "roc_auc",
    "spearman",
    "subset_accuracy",
    "weighted_mean",
]
