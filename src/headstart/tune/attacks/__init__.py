"""Adversarial attacks: FGSM, PGD and FreeLB, and the robust accuracy of a model under attack.

One module per attack; the strategy that trains on perturbed items is `headstart.tune.adversarial`.
"""
