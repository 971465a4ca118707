"""The parts that depend on the transformers library: checkpoints, tokenizers, and bodies of texts, pictures and sounds.

Further model families of that library belong here. `headstart.sources.hf` is the source that uses them.
"""
