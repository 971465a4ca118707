"""The files of a saved model: written, read, and checked before anything is built from them.

A kind of file, or a check of its content, goes in here; nothing in here runs a model.
"""
