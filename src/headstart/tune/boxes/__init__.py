"""Detectors that are trained through the one loop: pictures with boxes, their augmentation, the loss, the network.

A module here serves detectors alone; what any training shares stands in ``tune/training``.
"""
