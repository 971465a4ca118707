"""Counter-checks of explanations: completeness, randomised models, deletion and insertion curves.

Figures about attributions that need no labels go in here; `benchmarks/explanations.py` prints them for real data.
"""
