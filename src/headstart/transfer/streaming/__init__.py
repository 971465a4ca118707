"""A stream of tasks: its items, what learns from one task after the other, and what is written about it.

Ways to learn from a stream go in here; what they have in common is `headstart.transfer.streaming.tasks`.
"""
