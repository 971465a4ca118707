"""Files of pretrained weights: finding them in an installed package, checking them and reading them.

A further file format belongs here, one reader each; readers trust nothing that a file states.
"""
