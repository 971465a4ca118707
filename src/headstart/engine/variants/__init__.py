"""Variants of a frozen body: one that runs in int8, and one that computes only some of its blocks.

A variant has the recipe of its body and is called like it; a source takes one in place of the body.
"""
