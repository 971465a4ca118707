"""Losses that training adds or puts in place of the usual one: contrastive, distillation.

A loss that more than one strategy may use goes in here.
"""
