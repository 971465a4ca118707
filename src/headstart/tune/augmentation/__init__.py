"""Random changes of training items: pictures, spectrograms, texts, and mixtures of several items.

One module for each augmentation; `choice` picks by the kind of item.
"""
