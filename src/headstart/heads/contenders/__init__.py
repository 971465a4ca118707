"""Heads that compete: each with its leave-one-out or out-of-fold evidence, and the tie set of the best.

A family of candidates for the choice of head goes in here; a head itself is a module of `headstart.heads`.
"""
