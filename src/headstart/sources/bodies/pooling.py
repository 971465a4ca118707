"""Outputs of intermediate layers in one forward pass: pooled to one row per item, or one row per position.

Pooling the blocks needs no extra pass, and they carry information that the last layer has discarded (Evci et al. 2022,
"Head2Toe: Utilizing Intermediate Representations for Better Transfer Learning").
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from headstart.engine.body.recipe import Tensors
from headstart.errors import SourceError

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["blocks_forward", "check_collected", "collect_outputs", "masked_mean", "pool", "position_rows"]

T = TypeVar("T")
Output: TypeAlias = "Tensor | tuple[Tensor, ...] | list[Tensor]"  # of a layer; of several tensors the first is used


def pool(output: Output, *, channels_first: bool = True) -> Tensor:
    """One row per item: the mean over space, tokens or time.

    Args:
        output: (n, channels); (n, channels, height, width) or, with ``channels_first=False``, (n, height, width,
            channels); or (n, tokens, channels). Of a tuple or list, the first entry.
        channels_first: whether a 4-dimensional output has its channels on axis 1.

    Returns:
        (n, channels) float32.

    Raises:
        SourceError: for any other shape.

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
            f"A block of the body must return (n, width), (n, tokens, width) or (n, channels, height, width). "
            f"Got {found} instead; name other blocks."
        )
    jit: Any = torch.jit  # partly annotated
    if axes == (2, 3) and jit.is_tracing():
        # OpenVINO runs everything after the last convolution in fp32, the residual sums of every block included. A
        # depthwise 1x1 convolution with ones is the identity, and after it those sums run in bf16 (ResNet-50: 10%
        # faster).
        ones = torch.ones(int(tensor.shape[1]), 1, 1, 1)
        tensor = torch.nn.functional.conv2d(tensor, ones, groups=len(ones))
    # The mean is taken in float32 also of half-precision maps: their sums over many positions lose digits.
    rows: Tensor = tensor.mean(axes, dtype=torch.float32) if axes else tensor.float()
    return rows


def position_rows(output: Output, *, channels_first: bool = True, prefix: int = 0) -> Tensor:
    """One row per position: per pixel of a feature map, or per patch of a sequence of tokens.

    Args:
        output: (n, channels, height, width) or, with ``channels_first=False``, (n, height, width, channels); or (n,
            tokens, channels). Of a tuple or list, the first entry.
        channels_first: whether a 4-dimensional output has its channels on axis 1.
        prefix: number of tokens before those of the patches, such as 1 for a class token.

    Returns:
        (n, positions, channels) float32; the positions of a map in row-major order.

    Raises:
        SourceError: for any other shape.

    Examples:
        >>> import torch
        >>> position_rows(torch.ones(2, 3, 4, 5)).shape
        torch.Size([2, 20, 3])
        >>> position_rows(torch.ones(2, 5, 8), prefix=1).shape
        torch.Size([2, 4, 8])
    """
    tensor = output[0] if isinstance(output, tuple | list) else output
    dimensions = getattr(tensor, "ndim", 0)
    if dimensions not in (3, 4):
        found = tuple(getattr(tensor, "shape", ())) or type(tensor).__name__
        raise SourceError(
            f"A layer with rows for each position must return (n, tokens, width) or (n, channels, height, width). "
            f"Got {found} instead; name another layer."
        )
    if dimensions == 3:
        tensor = tensor[:, prefix:]
    elif channels_first:
        tensor = tensor.flatten(2).transpose(1, 2)  # (n, c, h, w) to (n, h * w, c)
    else:
        tensor = tensor.flatten(1, 2)
    rows: Tensor = tensor.float()
    return rows


def masked_mean(hidden: Tensor, mask: Tensor) -> Tensor:
    """The mean over the tokens that are not padding.

    Args:
        hidden: (n, tokens, width).
        mask: (n, tokens), 1 for a token and 0 for padding; each row has at least one token.

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
    """Run a body once, and collect the outputs of the named submodules.

    Args:
        module: the body; its hooks are removed again even if the run fails.
        names: the submodules.
        run: runs the body.
        keep: a function of (name, output) whose result is kept in place of the output; called as soon as it is there.

    Returns:
        The result of ``run``, and what was kept by name; submodules that did not run are absent.

    Examples:
        >>> import torch
        >>> body = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.ReLU())
        >>> output, found = collect_outputs(body, ["0"], lambda: body(torch.ones(1, 3)))
        >>> torch.equal(output, found["0"].relu())
        True
    """
    found: dict[str, Any] = {}

    def hook_for(name: str) -> Callable[[nn.Module, object, Output], None]:
        def hook(_module: nn.Module, _inputs: object, output: Output) -> None:
            found[name] = keep(name, output)

        return hook

    handles = [module.get_submodule(name).register_forward_hook(hook_for(name)) for name in names]
    try:
        return run(), found
    finally:
        for handle in handles:
            handle.remove()


def check_collected(found: Mapping[str, Any], names: Iterable[str]) -> None:
    """Raise unless every requested submodule has an output.

    Args:
        found: the outputs by name, from `collect_outputs`.
        names: the submodules that were requested.

    Raises:
        SourceError: for the first without an output, because it only groups others or never runs.

    Examples:
        >>> check_collected({"0": 1}, ["0"])
    """
    missing = next((name for name in names if name not in found), None)
    if missing is not None:
        raise SourceError(f"The submodule '{missing}' has no output when the body runs; name a submodule inside it.")


class _AllFound(Exception):  # noqa: N818 - an outcome, not a mistake
    """Every named submodule has run."""


def _collect_and_stop(
    module: nn.Module, names: Sequence[str], run: Callable[[], object], keep: Callable[[str, Any], Any]
) -> dict[str, Any]:
    """As `collect_outputs`, without what runs after the last of the named submodules.

    While torch exports a graph, everything runs: its tracer cannot be left, and drops what nothing reads.
    """
    import torch

    found: dict[str, Any] = {}
    exporting = torch.compiler.is_compiling()  # also while `torch.export` runs

    def keep_or_stop(name: str, output: Output) -> Any:
        found[name] = keep(name, output)
        if len(found) == len(names) and not exporting:
            raise _AllFound
        return found[name]

    with suppress(_AllFound):
        collect_outputs(module, names, run, keep_or_stop)
    check_collected(found, names)
    return found


def blocks_forward(
    names: Sequence[str],
    final: Callable[[nn.Module, Any], Any],
    channels_first: Mapping[str, bool] | None = None,
    *,
    last: bool = True,
    stop: bool = False,
    rows: Callable[..., Tensor] = pool,
) -> Callable[[nn.Module, Any], list[Tensor]]:
    """A function of (module, batch) that returns the rows of each named submodule, then those of the final output.

    Each output is pooled as soon as it is computed, so memory holds one block at a time.

    Args:
        names: submodules, first to last.
        final: a function of (module, batch) that computes the body's usual output.
        channels_first: submodule to whether its 4-dimensional output has the channels on axis 1, the default; the
            final output's name is ``"last"``.
        last: whether to include the final output.
        stop: whether to stop the body once all named submodules have run, if the final output is not included. Its
            forward functions must then be plain Python that an exception may leave.
        rows: makes float32 rows of an output, such as `pool` or `position_rows`; it also gets ``channels_first``.

    Returns:
        The function.

    Raises:
        SourceError: when the function runs, if a submodule has no output.

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

        if stop and not last:
            found = _collect_and_stop(module, names, lambda: final(module, batch), keep)
            return [found[name] for name in names]
        output, found = collect_outputs(module, names, lambda: final(module, batch), keep)
        check_collected(found, names)
        read = [found[name] for name in names]
        return [*read, keep("last", output)] if last else read

    return run
