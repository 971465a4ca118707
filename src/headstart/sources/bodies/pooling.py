"""Outputs of the layers of a body beside its last one, in one pass: pooled, or a row for each position.

The pooled output of each block beside the last layer's costs no extra pass of the body and carries what the last
layer has already thrown away (Evci et al. 2022, "Head2Toe: Utilizing Intermediate Representations for Better
Transfer Learning").
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from headstart.engine.body.recipe import Tensors
from headstart.errors import SourceError

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["blocks_forward", "check_collected", "collect_outputs", "masked_mean", "places", "pool"]

T = TypeVar("T")
Output: TypeAlias = "Tensor | tuple[Tensor, ...] | list[Tensor]"  # of a layer: the first of several counts


def pool(output: Output, *, channels_first: bool = True) -> Tensor:
    """One row an item: the mean over space, tokens or time.

    Args:
        output: (n, width); (n, width, height, width) or, with ``channels_first=False``, (n, height, width, width);
            or (n, tokens, width), of which a tuple or list may be the first entry.
        channels_first: whether a 4-dimensional output has its channels on axis 1.

    Returns:
        (n, width) float32.

    Raises:
        SourceError: for a shape that is none of these.

    Examples:
        >>> import torch
        >>> pool(torch.ones(2, 3, 4, 4)).shape
        torch.Size([2, 3])
        >>> pool(torch.ones(2, 5, 8)).shape
        torch.Size([2, 8])
    """
    import torch

    tensor = output[0] if isinstance(output, tuple | list) else output
    axes = {2: (), 3: (1,), 4: (2, 3) if channels_first else (1, 2)}.get(getattr(tensor, "ndim", -1))
    if axes is None:
        found = tuple(getattr(tensor, "shape", ())) or type(tensor).__name__
        raise SourceError(
            f"A block of the body must give (n, width), (n, tokens, width) or (n, channels, height, width). "
            f"Got {found} instead; name other blocks."
        )
    jit: Any = torch.jit  # partly annotated
    if axes == (2, 3) and jit.is_tracing():
        # OpenVINO runs all that follows the last convolutions in fp32, and the residual sums of every block with it:
        # one more, by ones and channel by channel, changes nothing and lets them run in bf16 (ResNet-50: 10% faster)
        ones = torch.ones(int(tensor.shape[1]), 1, 1, 1)
        tensor = torch.nn.functional.conv2d(tensor, ones, groups=len(ones))
    rows: Tensor = tensor.mean(axes, dtype=torch.float32) if axes else tensor.float()
    return rows


def places(output: Output, *, channels_first: bool = True, prefix: int = 0) -> Tensor:
    """One row a position: for each pixel of a map, or for each patch of a sequence of tokens.

    Args:
        output: (n, width, height, width) or, with ``channels_first=False``, (n, height, width, width); or (n, tokens,
            width); of which a tuple or list may be the first entry.
        channels_first: whether a 4-dimensional output has its channels on axis 1.
        prefix: tokens that stand before those of the patches, such as the class token.

    Returns:
        (n, positions, width) float32, row by row of the map.

    Raises:
        SourceError: for a shape that is none of these.

    Examples:
        >>> import torch
        >>> places(torch.ones(2, 3, 4, 5)).shape
        torch.Size([2, 20, 3])
        >>> places(torch.ones(2, 5, 8), prefix=1).shape
        torch.Size([2, 4, 8])
    """
    tensor = output[0] if isinstance(output, tuple | list) else output
    dimensions = getattr(tensor, "ndim", 0)
    if dimensions not in (3, 4):
        found = tuple(getattr(tensor, "shape", ())) or type(tensor).__name__
        raise SourceError(
            f"A layer with rows for each position must give (n, tokens, width) or (n, channels, height, width). "
            f"Got {found} instead; name another layer."
        )
    if dimensions == 3:
        tensor = tensor[:, prefix:]
    elif channels_first:
        tensor = tensor.flatten(2).transpose(1, 2)
    else:
        tensor = tensor.flatten(1, 2)
    rows: Tensor = tensor.float()
    return rows


def masked_mean(hidden: Tensor, mask: Tensor) -> Tensor:
    """The mean over the tokens that are no padding.

    Args:
        hidden: (n, tokens, width).
        mask: (n, tokens), 1 for a token and 0 for padding; at least one token in a row.

    Returns:
        (n, width) float32.

    Examples:
        >>> import torch
        >>> masked_mean(torch.tensor([[[1.0], [9.0]]]), torch.tensor([[1, 0]]))
        tensor([[1.]])
    """
    weights = mask.float() / mask.sum(dim=1, keepdim=True)
    return (hidden.float() * weights.unsqueeze(2)).sum(dim=1)


def collect_outputs(
    module: nn.Module,
    names: Iterable[str],
    run: Callable[[], T],
    keep: Callable[[str, Any], Any] = lambda _name, output: output,
) -> tuple[T, dict[str, Any]]:
    """What a run of a body gives, and what the named submodules give in it.

    Args:
        module: the body; the hooks that listen to it are taken away again, also where the run fails.
        names: submodules.
        run: runs the body.
        keep: makes of (name, output) what is kept of it, as soon as it is there.

    Returns:
        What ``run`` gave, and name to what was kept; a submodule that was not run is not in there.

    Examples:
        >>> import torch
        >>> body = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.ReLU())
        >>> output, found = collect_outputs(body, ["0"], lambda: body(torch.ones(1, 3)))
        >>> torch.equal(output, found["0"].relu())
        True
    """
    found: dict[str, Any] = {}

    def listen(name: str) -> Callable[[nn.Module, object, Output], None]:
        def hook(_module: nn.Module, _inputs: object, output: Output) -> None:
            found[name] = keep(name, output)

        return hook

    handles = [module.get_submodule(name).register_forward_hook(listen(name)) for name in names]
    try:
        return run(), found
    finally:
        for handle in handles:
            handle.remove()


def check_collected(found: Mapping[str, Any], names: Iterable[str]) -> None:
    """Raise unless every wanted submodule gave something.

    Args:
        found: as `collect_outputs` gives it.
        names: the submodules that are wanted.

    Raises:
        SourceError: for the first that gave nothing, because it only groups others or is never run.

    Examples:
        >>> check_collected({"0": 1}, ["0"])
    """
    silent = next((name for name in names if name not in found), None)
    if silent is not None:
        raise SourceError(f"The submodule '{silent}' gives nothing when the body runs; name one inside of it.")


def blocks_forward(
    names: Sequence[str],
    final: Callable[[nn.Module, Any], Any],
    channels_first: Mapping[str, bool] | None = None,
    *,
    last: bool = True,
    rows: Callable[..., Tensor] = pool,
) -> Callable[[nn.Module, Any], list[Tensor]]:
    """A function of (module, batch) that gives the rows of each named submodule, then those of the final output.

    Each output is pooled as soon as it is there, so that memory holds one block at a time.

    Args:
        names: submodules, first to last.
        final: gives the body's usual output for a batch.
        channels_first: for a submodule that is in here, whether its 4-dimensional output has channels on axis 1; the
            final output's name is ``"last"``.
        last: whether the final output is wanted.
        rows: makes float32 rows of an output, such as `pool` or `places`; gets ``channels_first`` too.

    Returns:
        The function.

    Raises:
        SourceError: when it is run, if a submodule gives nothing.

    Examples:
        >>> import torch
        >>> body = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3), torch.nn.Conv2d(8, 4, 3))
        >>> [tuple(t.shape) for t in blocks_forward(["0"], lambda m, x: m(x))(body, torch.ones(2, 3, 9, 9))]
        [(2, 8), (2, 4)]
    """
    layout = dict(channels_first or {})

    def run(module: nn.Module, batch: Tensors) -> list[Tensor]:
        def keep(name: str, output: Output) -> Tensor:
            return rows(output, channels_first=layout.get(name, True))

        output, found = collect_outputs(module, names, lambda: final(module, batch), keep)
        check_collected(found, names)
        read = [found[name] for name in names]
        return [*read, keep("last", output)] if last else read

    return run
