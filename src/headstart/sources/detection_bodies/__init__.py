"""Bodies that were trained to find objects, such as FastestDet.

Further bodies of detectors go in here: the network, the source, and the file that it is read from. None has a scheme of
its own; a checkpoint is opened as ``local:PATH``.
"""
