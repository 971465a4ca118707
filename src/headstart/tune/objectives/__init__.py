"""Objectives without labels: a body is trained on a task that is made of the items themselves.

What goes in makes such a task (one objective in one file); the contract trains a body on it.
"""
