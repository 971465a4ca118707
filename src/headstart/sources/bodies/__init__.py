"""What all bodies share: pooling, trainable forms, copies, parameter groups, adapters and model cards.

Helpers that serve the bodies of more than one library go in here.
"""
