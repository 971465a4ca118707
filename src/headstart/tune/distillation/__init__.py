"""Knowledge distillation: a student body learns the rows and answers of its teachers.

What only distillation needs goes in here.
"""
