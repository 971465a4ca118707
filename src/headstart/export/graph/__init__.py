"""The graph of a model: what goes in, its body, its head, its calibration, and the ONNX file of them.

What turns a source or a head into operators goes in here, one kind of item a module. A format is a module in front.
"""
