"""scikit-learn estimators: transfer learning inside ``Pipeline``, ``cross_val_score`` and ``GridSearchCV``."""

from headstart.estimators.classifier import TransferClassifier
from headstart.estimators.encoder import TransferEncoder
from headstart.estimators.regressor import TransferRegressor

__all__ = ["TransferClassifier", "TransferEncoder", "TransferRegressor"]
