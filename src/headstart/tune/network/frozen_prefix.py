"""The frozen prefix of a body: it runs once per item, its outputs are kept, and training starts from them.

If a body's first blocks are frozen and items are not augmented, these blocks return the same for an item in every
epoch. The cut is where the first trained submodule begins. After the cut the body runs as usual. Before the cut the
frozen submodules are replaced by stubs, which return tensors of the right shapes without computing anything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from headstart.engine.body.arrays import map_arrays
from headstart.sources.bodies.trainable import Trainable

__all__ = ["FrozenPrefix", "find_cut"]

INPUT, BLOCK, BATCH = "input", "block.", "batch."  # names, or their beginnings, of the tensors that are kept
COUNTS = "counts"  # in a batch of items of several parts, such as the windows of sounds: how many each item has
ROWS, GRADIENTS = 1e-5, 1e-4  # tolerances of the check against the complete body, relative to the largest entry


@dataclass(frozen=True, eq=False)
class FrozenPrefix:
    """A body that is cut before its first trained submodule.

    Attributes:
        trainable: the body.
        cut: name of the submodule that training starts from.
        stubs: for each replaced submodule the dtype and shape of its output. Each axis is a pair of what it grows with
            ("", "items", "parts" or "columns" of a batch) and a factor: ("items", 2) is twice the number of items.
        constant: indices of the blocks whose rows do not change, since they come before the cut.
        example: a batch whose items have the shape of all others; only texts may differ in length.

    Examples:
        >>> body = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
        >>> half = Trainable(body, lambda m, x: [m(x)], torch.tensor, (("0.weight", "0.bias"), ("2.weight", "2.bias")))
        >>> _ = body[0].requires_grad_(False)
        >>> prefix = find_cut(half, torch.ones(2, 2))
        >>> prefix.cut, prefix.before(torch.ones(4, 2))["input"].shape
        ('2', torch.Size([4, 3]))
    """

    trainable: Trainable
    cut: str
    stubs: Mapping[str, Any]
    constant: tuple[int, ...]
    example: Any

    def before(self, batch: Any) -> dict[str, Tensor]:
        """The tensors that `after` starts from, for a batch of n items; run in evaluation mode, without gradients.

        Returns:
            Tensors with the items on the first axis: ``input``, the input of the submodule at the cut (of items of
            several parts, all parts on the first axis); ``block.k``, the rows of each constant block; ``batch.NAME``,
            tokens and their mask, or the number of parts of each item.
        """
        found: list[Tensor] = []

        def record(_module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            found.append(_first_tensor(args, kwargs).detach())

        module = self.trainable.module
        hook = module.get_submodule(self.cut).register_forward_pre_hook(record, with_kwargs=True)
        try:
            with torch.no_grad(), _evaluation_mode(module):
                blocks = self.trainable.forward(module, batch)
        finally:
            hook.remove()
        rows = {f"{BLOCK}{k}": blocks[k] for k in self.constant}
        return {INPUT: found[0], **rows, **{f"{BATCH}{name}": tensor for name, tensor in _small(batch)}}

    def after(self, cached: Mapping[str, Tensor], batch: Any = None) -> list[Tensor]:
        """The rows of all blocks, with gradients, as the body's ``forward`` returns them.

        Args:
            cached: the tensors from `before`, on the device of the body.
            batch: the items; by default what `before` kept of them.
        """
        return self._run(cached, self._blank(cached) if batch is None else batch, fill=0.0)

    def _run(self, cached: Mapping[str, Tensor], batch: Any, *, fill: float) -> list[Tensor]:
        """Run the body with stubs before the cut, whose outputs are filled with ``fill``."""
        module, entering = self.trainable.module, cached[INPUT]
        size = _size(batch)

        def enter(_module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            return _with_first(args, kwargs, entering)

        with ExitStack() as stack:
            for name, shapes in self.stubs.items():
                give = partial(_made, shapes, size, fill, entering.device)
                stack.enter_context(_forward(module.get_submodule(name), give))
            hook = module.get_submodule(self.cut).register_forward_pre_hook(enter, with_kwargs=True)
            stack.callback(hook.remove)
            blocks = self.trainable.forward(module, batch)
        return [cached[f"{BLOCK}{k}"] if k in self.constant else block for k, block in enumerate(blocks)]

    def _blank(self, cached: Mapping[str, Tensor]) -> Any:
        """A batch in which zeros replace all that only the stubs read; expanded, so that it takes no memory."""
        entering, mask = cached[INPUT], cached.get(f"{BATCH}attention_mask")
        columns = _size(self.example).get("columns")

        def blank(tensor: Tensor) -> Tensor:
            shape = list(tensor.shape[1:])
            if mask is not None and shape[:1] == [columns]:  # embedded words, which are as long as the batch's texts
                shape[0] = mask.shape[1]
            return tensor.new_zeros(1, device=entering.device).expand(count, *shape)

        counts = cached.get(f"{BATCH}{COUNTS}")
        count = len(entering) if counts is None else int(counts.sum())
        if not isinstance(self.example, Mapping):
            return blank(self.example)
        return {name: cached.get(f"{BATCH}{name}", blank(tensor)) for name, tensor in self.example.items()}


def find_cut(trainable: Trainable, batch: Any) -> FrozenPrefix | None:
    """Find the cut of a body whose first parameters are frozen, and check it on a batch.

    The cut is before the first submodule with a trained parameter, or before a submodule that contains it, such as a
    residual block whose shortcut passes around it. The check: with stubs that return "not a number", rows and gradients
    must equal those of the complete body. They would not if a value other than the kept input passed the cut.

    Args:
        trainable: the body; left unchanged.
        batch: two or more items, as its ``collate`` makes it, on the device of the body.

    Returns:
        The prefix; None if nothing is trained, nothing comes before it, or another value passes the cut.

    Examples:
        >>> body = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1))
        >>> find_cut(Trainable(body, lambda m, x: [m(x)], torch.tensor, ()), torch.ones(2, 2)) is None
        True
    """
    if not _one_shape(batch):
        return None
    with _evaluation_mode(trainable.module), torch.enable_grad():
        calls, wide = _Calls(trainable, batch), _Calls(trainable, _larger(batch))
        wanted = _gradients(trainable.module, calls.blocks)
        for cut in calls.candidates():
            for layers in (True, False):  # a submodule without weights may compute what later ones need (positions)
                stubs = _stubs(calls, wide, cut, layers=layers)
                if not stubs:
                    continue
                constant = tuple(k for k, block in enumerate(calls.blocks) if not block.requires_grad)
                prefix = FrozenPrefix(trainable, cut, stubs, constant, batch)
                if _holds(prefix, calls, wanted):
                    return prefix
    return None


class _Calls:
    """A record of one forward pass: which submodules were called, in which order, and what they returned."""

    def __init__(self, trainable: Trainable, batch: Any) -> None:
        self.module, self.batch = trainable.module, batch
        self.began: dict[str, list[int]] = {}
        self.ended: dict[str, list[int]] = {}
        self.outputs: dict[str, Any] = {}
        self._clock = 0
        with ExitStack() as stack:
            for name, part in self.module.named_modules():
                if name:
                    stack.callback(part.register_forward_pre_hook(partial(self._begin, name)).remove)
                    stack.callback(part.register_forward_hook(partial(self._end, name)).remove)
            self.blocks = trainable.forward(self.module, batch)

    def _begin(self, name: str, _part: nn.Module, _inputs: Any) -> None:
        self._clock += 1
        self.began.setdefault(name, []).append(self._clock)

    def _end(self, name: str, _part: nn.Module, _inputs: Any, output: Any) -> None:
        self._clock += 1
        self.ended.setdefault(name, []).append(self._clock)
        self.outputs[name] = _shapes(output)

    def candidates(self) -> Iterator[str]:
        """The first called submodule with a trained parameter of its own, and those that contain it, inside out."""
        trained = [name for name in self.began if _is_trained(self.module.get_submodule(name))]
        name = min(trained, key=lambda part: self.began[part][0], default="")
        name = name.partition(".parametrizations.")[0]  # a parametrisation is called by the layer whose weight it makes
        while name:
            if len(self.began.get(name, ())) == 1:
                yield name
            name = name.rpartition(".")[0]

    def before(self, cut: str) -> list[str]:
        """The outermost submodules whose last call has ended when the cut is reached."""
        begin = self.began[cut][0]
        done = {name for name, times in self.ended.items() if times[-1] < begin}
        return [name for name in done if not any(_inside(name, other) for other in done)]


def _inside(name: str, other: str) -> bool:
    return name.startswith(f"{other}.")


def _is_trained(part: nn.Module) -> bool:
    return any(parameter.requires_grad for parameter in part.parameters(recurse=False))


def _stubs(calls: _Calls, wide: _Calls, cut: str, *, layers: bool) -> dict[str, Any]:
    """The output shapes of the frozen submodules before the cut; empty if these hold no weights."""
    module, size, larger = calls.module, _size(calls.batch), _size(wide.batch)
    stubs, weights = {}, 0
    for name in calls.before(cut):
        parameters = list(module.get_submodule(name).parameters())
        shapes = _grown(calls.outputs[name], wide.outputs.get(name), size, larger)
        if any(parameter.requires_grad for parameter in parameters) or shapes is None:
            continue
        if parameters or layers:
            stubs[name] = shapes
            weights += len(parameters)
    return stubs if weights else {}


def _holds(prefix: FrozenPrefix, calls: _Calls, wanted: Sequence[Tensor | None]) -> bool:
    """Whether rows and gradients equal those of the complete body."""
    try:
        cached = prefix.before(calls.batch)
        size = _size(calls.batch)
        if len(cached[INPUT]) != size.get("parts", len(cached[INPUT])):
            return False
        blocks = prefix._run(cached, prefix._blank(cached), fill=float("nan"))
        found = _gradients(calls.module, blocks)
    except (RuntimeError, TypeError, ValueError, AttributeError, IndexError):  # a submodule fails on a stub's output
        return False
    same = all(_close(a, b, ROWS) for a, b in zip(blocks, calls.blocks, strict=True))
    return same and all(
        a is b if a is None or b is None else _close(a, b, GRADIENTS) for a, b in zip(found, wanted, strict=True)
    )


def _close(found: Tensor, wanted: Tensor, tolerance: float) -> bool:
    if found.shape != wanted.shape:
        return False
    scale = max(1e-6, float(wanted.detach().abs().max())) if wanted.numel() else 1.0
    return bool(torch.allclose(found, wanted, rtol=0, atol=tolerance * scale))


def _gradients(module: nn.Module, blocks: Sequence[Tensor]) -> Sequence[Tensor | None]:
    """The gradients of a fixed random linear combination of the rows by each trained parameter."""
    trained = [parameter for parameter in module.parameters() if parameter.requires_grad]
    changing = [block for block in blocks if block.requires_grad]
    if not trained or not changing:
        return []
    draw = torch.Generator().manual_seed(0)
    total = sum((block.float() * torch.randn(block.shape, generator=draw).to(block.device)).sum() for block in changing)
    return torch.autograd.grad(total, trained, allow_unused=True)  # type: ignore[arg-type]  # sum() of tensors


def _size(batch: Any) -> dict[str, int]:
    """The number of items of a batch; its number of parts, or for texts of columns (the length of the longest text)."""
    if not isinstance(batch, Mapping):
        return {"items": len(batch)}
    if COUNTS in batch:
        return {"items": len(batch[COUNTS]), "parts": int(batch[COUNTS].sum())}
    first = next(iter(batch.values()))
    return {"items": len(first), **({"columns": first.shape[1]} if "attention_mask" in batch else {})}


def _one_shape(batch: Any) -> bool:
    """Whether the items of all batches are known to have one shape, apart from the padding of texts."""
    if isinstance(batch, Mapping) and COUNTS in batch:  # items of several parts, such as the windows of sounds
        others = [tensor for name, tensor in batch.items() if name != COUNTS]
        return len(others) == 1 and len(others[0]) == int(batch[COUNTS].sum())
    return isinstance(batch, Tensor) or "attention_mask" in batch or set(batch) == {"pixel_values"}


def _small(batch: Any) -> Iterator[tuple[str, Tensor]]:
    """The small tensors of a batch, which are kept: tokens and their mask."""
    for name, tensor in batch.items() if isinstance(batch, Mapping) else ():
        if not tensor.is_floating_point() and tensor.ndim <= 2:
            yield name, tensor


def _larger(batch: Any) -> Any:
    """The batch with two more items and, for texts, one more column, which shows what each axis grows with."""

    def grow(tensor: Tensor) -> Tensor:
        more = torch.cat([tensor, tensor[:1], tensor[:1]])
        if isinstance(batch, Mapping) and "attention_mask" in batch and more.ndim in (2, 3):
            more = torch.cat([more, torch.zeros_like(more[:, :1])], dim=1)  # (n, tokens) or (n, tokens, width)
        return more

    if isinstance(batch, Mapping) and COUNTS in batch:  # two items with three parts, which tells items from parts
        more = {name: torch.cat([tensor, *[tensor[:1]] * 3]) for name, tensor in batch.items()}
        return {**more, COUNTS: torch.cat([batch[COUNTS], batch[COUNTS].new_tensor([1, 2])])}
    return map_arrays(batch, grow)


def _shapes(output: Any) -> Any:
    """(dtype, shape) of the tensors of an output, in a list for lists and tuples; other values unchanged."""
    if isinstance(output, Tensor):
        return output.dtype, tuple(output.shape)
    if type(output) in (tuple, list):
        return [_shapes(one) for one in output]
    return output if output is None or isinstance(output, int | float) else NotImplemented


def _grown(one: Any, other: Any, size: Mapping[str, int], larger: Mapping[str, int]) -> Any:
    """Compare the shapes of two batch sizes: for each axis what it grows with, and its factor; None if ambiguous."""
    if isinstance(one, list):
        parts = [_grown(a, b, size, larger) for a, b in zip(one, other, strict=True)]
        return None if any(part is None for part in parts) else parts
    if not isinstance(one, tuple):
        return None
    axes: list[tuple[str, int]] = []
    for a, b in zip(one[1], other[1], strict=True):
        names = [name for name in size if a % size[name] == 0 and b == a // size[name] * larger[name]]
        if a != b and not names:
            return None
        axes.append(("", a) if a == b else (names[0], a // size[names[0]]))
    return one[0], tuple(axes)


def _made(shapes: Any, size: Mapping[str, int], fill: float, device: torch.device, *_args: Any, **_kwargs: Any) -> Any:
    """A stub's output: a tensor with the shape of the submodule's output; expanded, so that it takes no memory."""
    if isinstance(shapes, list):
        return tuple(_made(part, size, fill, device) for part in shapes)
    dtype, axes = shapes
    value = torch.full((1,) * len(axes), fill if dtype.is_floating_point else 0, dtype=dtype, device=device)
    return value.expand(*(times * size.get(name, 1) for name, times in axes))


def _first_tensor(args: Sequence[Any], kwargs: Mapping[str, Any]) -> Tensor:
    found = [value for value in [*args, *kwargs.values()] if isinstance(value, Tensor)]
    if not found:
        raise TypeError("the submodule at the cut is called without a tensor")
    return found[0]


def _with_first(args: tuple[Any, ...], kwargs: dict[str, Any], value: Tensor) -> Any:
    """The arguments with the first tensor replaced."""
    for k, one in enumerate(args):
        if isinstance(one, Tensor):
            return (*args[:k], value, *args[k + 1 :]), kwargs
    name = next(name for name, one in kwargs.items() if isinstance(one, Tensor))
    return args, {**kwargs, name: value}


@contextmanager
def _forward(part: Any, give: Callable[..., Any]) -> Iterator[None]:
    """Replace the submodule's forward method until the context is left."""
    own = vars(part).get("forward")
    part.forward = give
    try:
        yield
    finally:
        if own is None:
            del part.forward
        else:
            part.forward = own


@contextmanager
def _evaluation_mode(module: nn.Module) -> Iterator[None]:
    """The module in evaluation mode; on exit every submodule is back in its former mode."""
    modes = [(part, part.training) for part in module.modules()]
    module.eval()
    try:
        yield
    finally:
        for part, training in modes:
            part.training = training
