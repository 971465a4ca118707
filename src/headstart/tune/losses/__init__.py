"""Losses that are added to the task's loss or replace it: contrastive and distillation losses.

A loss that more than one strategy may use goes in here.
"""
