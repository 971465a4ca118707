"""Heads that annotate an item: rows of its positions become spans, boxes or masks.

A head goes in here, one file each, and is registered in `ANNOTATION_HEADS`; what it needs is in `AnnotationHead`.
"""
