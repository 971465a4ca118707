"""Closed-form heads from one eigendecomposition for every λ: spectra, leave-one-out outputs, weights, kept moments.

Code that works on the spectrum of a feature map goes in here; the linear algebra itself is in `headstart.linear`.
"""
