"""Detectors that are trained through the one loop: pictures with boxes, their augmentation, the loss, the network."""
