"""The body and the head in torch, in fp32, for methods that need gradients.

What turns a kind of source, or a head, into a differentiable function goes in here.
"""
