"""A body and its head as one torch module, and the frozen prefix of the body, which runs only once per item.

How body and head are joined for training goes in here.
"""
