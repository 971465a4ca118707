"""What prediction sets and intervals of a model are computed from.

Fits without single training items go in here; the quantiles themselves are in `headstart.linear.conformal`.
"""
