"""Models that annotate items: the graph up to what each word or cell says, and the comparison of annotations.

The graph ends where the answer stops being a function of fixed shape; what follows (the best path of tags, overlapping
boxes, objects of pixels) is done by the file in `headstart.export.readers` that is copied beside it.
"""
