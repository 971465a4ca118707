"""Adversarial perturbations: FGSM, PGD and FreeLB, and the accuracy that is left under attack.

One module for each attack; the strategy that trains on them is `headstart.tune.adversarial`.
"""
