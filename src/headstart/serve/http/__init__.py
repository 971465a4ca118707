"""What every route needs of HTTP: bodies within bounds, access, errors as one sentence, and metrics.

Nothing here knows what a model is.
"""
