"""The allow-list of arguments that a saved checkpoint may give timm: bounded numbers, switches and names of layers.

All other arguments are refused before timm is called. timm also accepts paths that it unpickles (``checkpoint_path``),
locations to download from (``pretrained``, ``cache_dir``) and objects; a checkpoint from an untrusted source must not
use them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

from headstart.errors import SourceError

__all__ = ["MOST_SIDE", "check_arguments"]

MOST_CLASSES = 200_000
MOST_SIDE = 2048  # pixels of a picture or a patch
MOST_WIDTH = 16_384
MOST_BLOCKS = 256
MOST_POSITIONS = 2**28  # numbers in a table of position embeddings: 1 GiB
LONGEST = 64  # entries of a list, such as one width per stage

Check = tuple[str, Callable[[Any], bool]]


def _integer(low: int, high: int) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def _number(low: float, high: float) -> Callable[[Any], bool]:
    def holds(value: object) -> bool:
        return isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high  # NaN: false

    return holds


def _one_or_several(holds: Callable[[Any], bool]) -> Callable[[Any], bool]:
    def check(value: object) -> bool:
        if isinstance(value, list | tuple):
            return 0 < len(value) <= LONGEST and all(_one_or_several(holds)(one) for one in value)
        return holds(value)

    return check


def _word(value: object) -> bool:
    return isinstance(value, str) and re.fullmatch(r"[A-Za-z0-9_.]{0,40}", value) is not None


COUNT: Check = (f"a whole number from 0 to {MOST_CLASSES}", _integer(0, MOST_CLASSES))
SIDE: Check = (f"whole numbers from 1 to {MOST_SIDE}", _one_or_several(_integer(1, MOST_SIDE)))
PATCH: Check = (f"whole numbers from 2 to {MOST_SIDE}", _one_or_several(_integer(2, MOST_SIDE)))
WIDTH: Check = (f"whole numbers from 0 to {MOST_WIDTH}", _one_or_several(_integer(0, MOST_WIDTH)))
DEPTH: Check = (f"whole numbers from 0 to {MOST_BLOCKS}", _one_or_several(_integer(0, MOST_BLOCKS)))
RATE: Check = ("a number from 0 to 1", _number(0, 1))
RATIO: Check = ("numbers from 0 to 64", _one_or_several(_number(0, 64)))
FLAG: Check = ("true or false", lambda value: isinstance(value, bool))
WORD: Check = ("the name of a layer of timm", _word)

_NAMES: dict[str, tuple[Check, ...]] = {
    "num_classes reg_tokens num_reg_tokens num_prefix_tokens": (COUNT,),
    "in_chans": (("a whole number from 1 to 16", _integer(1, 16)),),
    "img_size window_size": (SIDE,),
    "patch_size": (PATCH,),
    (
        "embed_dim embed_dims channels dims widths hidden_dim hidden_size stem_width stem_chs num_features head_dim "
        "base_width head_hidden_size head_width init_channels growth_rate conv_dim stem_channels"
    ): (WIDTH,),
    "depth depths layers num_heads cardinality num_stages groups kernel_size kernel_sizes ws strides": (DEPTH,),
    "output_stride": (("a whole number from 1 to 64", _integer(1, 64)),),
    (
        "drop_rate drop_path_rate drop_block_rate proj_drop_rate attn_drop_rate pos_drop_rate patch_drop_rate attn_drop"
    ): (RATE,),
    "mlp_ratio mlp_ratios expand_ratio channel_multiplier depth_multiplier rd_ratio width_multiplier attn_ratio": (
        RATIO,
    ),
    "init_values ls_init_value": (("a number from 0 to 10", _number(0, 10)),),
    (
        "class_token pre_norm fc_norm final_norm qkv_bias qk_norm no_embed_class dynamic_img_size dynamic_img_pad "
        "use_abs_pos_emb use_rel_pos_bias use_rot_pos_emb swiglu_mlp scale_mlp avg_down antialias zero_init_last "
        "replace_stem_pool head_norm_first conv_mlp use_grn head_conv fix_stem legacy conv_bias reg_pool"
    ): (FLAG,),
    (
        "global_pool pad_type stem_type act_layer norm_layer aa_layer down_kernel_size pool_type pos_embed embed_layer "
        "mlp_layer norm_type downsample_type"
    ): (WORD,),
}
ALLOWED: dict[str, Check] = {name: checks[0] for names, checks in _NAMES.items() for name in names.split()}


def check_arguments(arguments: Mapping[str, Any], where: str) -> None:
    """Raise unless every argument is on the allow-list, of its type and in its range.

    Args:
        arguments: the arguments for ``timm.create_model``; None stands for its default.
        where: their origin, for the message, such as a quoted path.

    Raises:
        SourceError: for the first argument that is not allowed.

    Examples:
        >>> check_arguments({"num_classes": 10, "img_size": [64, 64]}, "'body/config.json'")
        >>> check_arguments({"checkpoint_path": "weights.pth"}, "'body/config.json'")
        Traceback (most recent call last):
        headstart.errors.SourceError: 'body/config.json' gives timm the argument 'checkpoint_path', which ...
    """
    for name, value in arguments.items():
        if value is None:
            continue
        if name not in ALLOWED:
            raise SourceError(
                f"{where} gives timm the argument {str(name)[:40]!r}, which a saved body may not give (only sizes, "
                f"rates, switches and names of layers, such as num_classes, img_size or drop_rate); remove it."
            )
        wanted, holds = ALLOWED[name]
        if not holds(value):
            raise SourceError(
                f"The argument '{name}' in {where} must be {wanted}. Got {str(value)[:60]!r} instead; correct it."
            )
    _check_positions(arguments, where)


def _check_positions(arguments: Mapping[str, Any], where: str) -> None:
    """Check the position embeddings: they are filled before the body can be compared with the stored weights."""
    # Defaults for missing values: a large picture, a small patch and a wide body.
    sides, patch = _flat(arguments.get("img_size") or 1024), _flat(arguments.get("patch_size") or 14)
    positions = math.prod(max(1, side / patch[-1]) for side in (sides * 2)[:2])
    width = max(_flat(arguments.get("embed_dim") or 1024))
    if positions * width > MOST_POSITIONS:
        raise SourceError(
            f"{where} asks for {positions:.0f} patches of {width} columns, more than the {MOST_POSITIONS} numbers "
            "allowed; give a smaller img_size or a larger patch_size."
        )


def _flat(value: object) -> list[Any]:
    if isinstance(value, list | tuple):
        return [one for entry in value for one in _flat(entry)]
    return [value]
