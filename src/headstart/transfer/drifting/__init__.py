"""How `drift` compares new items with those of a fit: the two samples, the measures on them, the result in words.

What is measured on rows alone is in `headstart.evaluate.shift`; what needs a model or a run goes in here.
"""
