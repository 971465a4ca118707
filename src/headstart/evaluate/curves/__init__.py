"""Parts of the learning curve: nested subsamples of the training rows, and the power law through their errors.

The entry point is `headstart.evaluate.learning_curve`; what it needs and nothing else uses goes in here.
"""
