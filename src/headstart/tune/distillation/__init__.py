"""Knowledge distillation: a student body learns to reproduce the features and predictions of its teachers.

What only distillation needs goes in here.
"""
