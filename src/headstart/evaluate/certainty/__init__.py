"""What held-out items show of a model's certainty: abstention, reliability and novelty.

Pure functions from the evaluated items of a fit to plain values of the record go in here; what promises something about
new items stands in `headstart.model`.
"""
