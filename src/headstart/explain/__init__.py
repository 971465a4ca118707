"""Explanations: why a model answered as it did.

One method, one file, under the field's name; `headstart.explain.registry` lists them. A method takes a `Query` (the
item, the label, the model, the training rows at hand) and gives an `Attribution`. What methods share is in `asking/`
and `bodies/`.
"""

from headstart.attributions import Attribution, Explanation
from headstart.explain.explain import explain
from headstart.explain.registry import METHODS, ExplanationMethod

__all__ = ["METHODS", "Attribution", "Explanation", "ExplanationMethod", "explain"]
