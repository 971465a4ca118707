"""Label shift: the class shares of new items differ, while the items of each class look as before.

Estimators of the new shares, and the test whether a mixture of the known classes explains the new items at all.
"""

from headstart.adapt.label_shift.bbse import bbse
from headstart.adapt.label_shift.bias_corrected_temperature import BiasCorrectedTemperature, bias_corrected_temperature
from headstart.adapt.label_shift.estimate import LabelShift, estimate_label_shift
from headstart.adapt.label_shift.mixture_test import MixtureFit, mixture_test
from headstart.adapt.label_shift.saerens_em import saerens_em
from headstart.adapt.label_shift.shares import ShareEstimate

__all__ = [
    "BiasCorrectedTemperature",
    "LabelShift",
    "MixtureFit",
    "ShareEstimate",
    "bbse",
    "bias_corrected_temperature",
    "estimate_label_shift",
    "mixture_test",
    "saerens_em",
]
