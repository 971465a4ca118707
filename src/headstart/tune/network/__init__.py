"""A body and its head as one torch module, with the frozen prefix that runs once.

How body and head are joined for training goes in here.
"""
