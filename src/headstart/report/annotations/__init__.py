"""Blocks of a report on annotated items: spans of words, boxes, masks.

A kind of annotation has one module here, which makes sections from the plain values of a record, items with mistakes
first; `blocks` names them.
"""
