"""scikit-learn estimators: transfer learning inside ``Pipeline``, ``cross_val_score`` and ``GridSearchCV``.

A public estimator goes in here: it translates between scikit-learn's conventions and a fit, and has no learning
algorithm of its own.
"""

from headstart.estimators.classifier import TransferClassifier
from headstart.estimators.encoder import TransferEncoder
from headstart.estimators.regressor import TransferRegressor

__all__ = ["TransferClassifier", "TransferEncoder", "TransferRegressor"]
