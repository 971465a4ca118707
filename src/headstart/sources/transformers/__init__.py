"""All that knows the transformers library: checkpoints, tokenizers, and the bodies of texts, pictures and sounds.

A model family of that library goes in here.
"""
