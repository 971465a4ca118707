"""What a method is asked: one answer of a model, the label to explain, the training rows at hand, and parts of texts.

What several methods need to know about the question goes in here.
"""
