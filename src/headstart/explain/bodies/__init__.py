"""The body and the head in torch, in fp32, for methods that need gradients."""
