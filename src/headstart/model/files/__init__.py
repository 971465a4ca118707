"""The files of a saved model: written, read back, and checked before anything is made of them.

A kind of file, or a check of what one holds, goes in here; nothing in here runs a model.
"""
