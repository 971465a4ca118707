"""Data augmentation: random changes of pictures, spectrograms and texts, and mixtures of several items.

One module per augmentation; `choice` picks one by the kind of item. A new random change of items goes in here.
"""
