"""Shared code of the heads that are scikit-learn estimators: input checks, out-of-fold scores, principal components.

Helpers of several estimators go in here. The estimators themselves are modules of `headstart.heads`.
"""
