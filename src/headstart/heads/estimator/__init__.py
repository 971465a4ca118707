"""What the heads that are scikit-learn estimators share: checked rows, out-of-fold scores, principal components.

Helpers of several estimators go in here. An estimator of its own is a module of `headstart.heads`.
"""
