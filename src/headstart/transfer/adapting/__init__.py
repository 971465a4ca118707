"""How a model is adapted to unlabelled items: candidates, the scores that compare them, and the decision.

What works on rows alone is in `headstart.adapt`; what needs a head, a model or a decision goes in here.
"""
