"""Checkpoints of tiny models with an image tower and a text tower."""

from __future__ import annotations

import numpy as np
import torch

WORDS = ["[PAD]", "[UNK]", "[BOS]", "[EOS]", "a", "photo", "of", "the", "picture", ".", "cat", "dog", "red", "car"]


def tokenizer(length):
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    backend = Tokenizer(models.WordLevel({word: k for k, word in enumerate(WORDS)}, "[UNK]"))
    backend.normalizer = normalizers.Lowercase()
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    backend.post_processor = processors.TemplateProcessing(
        "[BOS] $A [EOS]", special_tokens=[("[BOS]", 2), ("[EOS]", 3)]
    )
    named = {"pad_token": "[PAD]", "unk_token": "[UNK]", "bos_token": "[BOS]", "eos_token": "[EOS]"}
    return PreTrainedTokenizerFast(tokenizer_object=backend, model_max_length=length, **named)


def clip():
    from transformers import CLIPConfig, CLIPImageProcessor, CLIPModel

    small = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 16}
    text = {
        **small, "vocab_size": len(WORDS), "max_position_embeddings": 12,
        "pad_token_id": 0, "bos_token_id": 2, "eos_token_id": 3,
    }  # fmt: skip
    config = CLIPConfig(
        text_config=text, vision_config={**small, "image_size": 32, "patch_size": 8}, projection_dim=24,
        logit_scale_init_value=float(np.log(100)),
    )  # fmt: skip
    size = {"height": 32, "width": 32}
    return CLIPModel(config), CLIPImageProcessor(size={"shortest_edge": 32}, crop_size=size)


def siglip():
    from transformers import SiglipConfig, SiglipImageProcessor, SiglipModel

    small = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 16}
    text = {**small, "vocab_size": len(WORDS), "max_position_embeddings": 12, "projection_size": 16}
    config = SiglipConfig(text_config=text, vision_config={**small, "image_size": 32, "patch_size": 8})
    model = SiglipModel(config)
    model.logit_scale.data.fill_(4.7)
    return model, SiglipImageProcessor(size={"height": 32, "width": 32})


def kept(make, folder):
    torch.manual_seed(0)
    model, processor = make()
    for parameter in model.parameters():  # the first weights are so small that all pictures look alike
        if parameter.ndim > 1:
            parameter.data.mul_(6)
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    tokenizer(12).save_pretrained(folder)
    return model.eval(), processor


__all__ = ["clip", "kept", "siglip", "tokenizer"]
