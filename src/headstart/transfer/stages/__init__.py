"""The stages of a fit, in their order: prepare, judge, compare, record; and what each of them needs.

A stage takes what the one before it made. The calls that users make are modules of `headstart.transfer`.
"""
