"""Files of CTranslate2 for tests: any tensors, and a tiny Whisper model under CTranslate2's names."""

from struct import pack

import numpy as np

CODES = {"float32": 0, "int8": 1, "int16": 2, "int32": 3, "float16": 4, "uint16": 5}  # uint16: the bits of bf16
WIDTH, INNER, BANDS = 8, 16, 80


def text(name):
    return pack("<H", len(name) + 1) + name.encode() + bytes(1)


def tensor(name, array):
    head = text(name) + pack(f"<B{array.ndim}I", array.ndim, *array.shape)
    return head + pack("<BI", CODES[array.dtype.name], array.nbytes) + array.tobytes()


def model_file(tensors, aliases=(), *, version=6, specification="WhisperSpec", revision=3):
    begin = pack("<I", version) + text(specification) + pack("<2I", revision, len(tensors))
    values = b"".join(tensor(name, array) for name, array in tensors.items())
    return begin + values + pack("<I", len(aliases)) + b"".join(text(name) + text(target) for name, target in aliases)


def tiny_whisper(seed=0, *, layers=2, words=11, places=12):
    """The tensors of a Whisper model of width 8, by CTranslate2's names."""
    rng = np.random.default_rng(seed)

    def linear(place, rows, columns, keys=slice(0, 0)):
        bias = rng.normal(size=rows)
        bias[keys] = 0  # of the keys, which have none
        return {f"{place}/weight": rng.normal(size=(rows, columns)) / 4, f"{place}/bias": bias}

    def norm(place):
        return {f"{place}/gamma": 1 + rng.normal(size=WIDTH) / 9, f"{place}/beta": rng.normal(size=WIDTH)}

    found = {
        "encoder/conv1/weight": rng.normal(size=(WIDTH, BANDS, 3)) / 9,
        "encoder/conv1/bias": rng.normal(size=WIDTH),
    }
    found |= {"encoder/conv2/weight": rng.normal(size=(WIDTH, WIDTH, 3)), "encoder/conv2/bias": rng.normal(size=WIDTH)}
    found["decoder/embeddings/weight"] = rng.normal(size=(words, WIDTH))
    for side in ("encoder", "decoder"):
        found[f"{side}/position_encodings/encodings"] = rng.normal(size=(places, WIDTH))
        found |= norm(f"{side}/layer_norm")
        for k in range(layers):
            place = f"{side}/layer_{k}"
            found |= norm(f"{place}/self_attention/layer_norm") | norm(f"{place}/ffn/layer_norm")
            found |= linear(f"{place}/self_attention/linear_0", 3 * WIDTH, WIDTH, slice(WIDTH, 2 * WIDTH))
            found |= linear(f"{place}/self_attention/linear_1", WIDTH, WIDTH)
            found |= linear(f"{place}/ffn/linear_0", INNER, WIDTH) | linear(f"{place}/ffn/linear_1", WIDTH, INNER)
            if side == "decoder":
                found |= norm(f"{place}/attention/layer_norm") | linear(f"{place}/attention/linear_0", WIDTH, WIDTH)
                found |= linear(f"{place}/attention/linear_1", 2 * WIDTH, WIDTH, slice(0, WIDTH))
                found |= linear(f"{place}/attention/linear_2", WIDTH, WIDTH)
    return {name: values.astype(np.float16) for name, values in found.items()}


ALIASES = (("decoder/projection/weight", "decoder/embeddings/weight"),)
