"""Candidates of head selection: their leave-one-out or out-of-fold losses, and the set that ties with the best.

Families of candidates go in here; the heads themselves are modules of `headstart.heads`.
"""
