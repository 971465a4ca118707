"""FastestDet: a small detector of COCO's classes as a body.

Registered nowhere by itself: a checkpoint of it is opened as ``local:PATH``.
"""
