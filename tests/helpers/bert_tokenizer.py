"""A tokenizer of BERT with a small vocabulary: letters, digits, marks, two Chinese characters and a few words."""

from __future__ import annotations

__all__ = ["SPECIAL", "bert_tokenizer"]

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def bert_tokenizer(*, lowercase: bool) -> str:
    """The contents of its tokenizer.json."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    signs = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZäöüл日本0123456789.,?!-'[]"
    words = [*SPECIAL, *signs, *(f"##{sign}" for sign in signs), "card", "where", "##ing"]
    tokenizer = Tokenizer(models.WordPiece({word: k for k, word in enumerate(words)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=lowercase)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    tokenizer.add_special_tokens(SPECIAL)
    return str(tokenizer.to_str())
