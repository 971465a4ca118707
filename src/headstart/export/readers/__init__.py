"""The files that run an exported model without Headstart; each is copied into the folder of a model as it stands.

A reader imports nothing of Headstart and has a function ``probabilities(items)``; one file for each runtime and kind of
item.
"""
