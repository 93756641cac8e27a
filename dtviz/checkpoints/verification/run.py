"""Run: a forward pass of a model, each use of its weights recorded, perturbed or held fixed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from dtviz.checkpoints.norm import Norm
from dtviz.checkpoints.verification.anatomy import NormPlace

Change = Callable[[Tensor], Tensor]

_PRODUCTS = (
    torch.matmul,
    torch.mm,
    torch.bmm,
    Tensor.matmul,
    Tensor.mm,
    Tensor.bmm,
    Tensor.__matmul__,
)
_LOOKUPS = (functional.embedding, torch.embedding)


@dataclass(frozen=True)
class Use:
    """One use of a weight: a linear map, a lookup in a table, or a norm.

    Args:
        kind: which of these.
        name: of the parameter; of a norm, of the module.
        index: of parameters of three axes, such as those of experts, which matrix it was.
        start: the first row that was used of the matrix as it is stored.
        transposed: whether it is stored with a row for each number that it reads.
        input, output: (rows, width); of a lookup, the tokens, (rows,), and what was found.
    """

    kind: Literal["linear", "lookup", "norm"]
    name: str
    input: Tensor
    output: Tensor
    index: int | None = None
    start: int = 0
    transposed: bool = False

    @property
    def key(self) -> tuple[str, int | None, int]:
        """What tells which weights were used."""
        return self.name, self.index, self.start


@dataclass
class Run:
    """A forward pass.

    Args:
        model: on the CPU.
        inputs: what the model takes.
        norms: the modules that are norms, by name.
        frozen: a run whose results all linear maps repeat, whatever they read: what then changes,
            changes along skip connections, norms and activations alone.
        outputs, inputs_of: by the number of a use, what to make of its result, or of what it
            reads; the linear map is then applied to that, frozen or not.
        held: the numbers of norms that divide by what they divided by in the frozen run.
    """

    model: nn.Module
    inputs: Mapping[str, Any]
    norms: Mapping[str, NormPlace]
    frozen: "Run | None" = None
    outputs: Mapping[int, Change] = field(default_factory=dict)
    inputs_of: Mapping[int, Change] = field(default_factory=dict)
    held: frozenset[int] = frozenset()
    uses: list[Use] = field(default_factory=list, init=False)
    result: Tensor | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        handles = [
            module.register_forward_hook(self._hook(name))
            for name, module in self.model.named_modules()
            if name in self.norms
        ]
        try:
            with torch.no_grad(), _Recorder(self):
                found = self.model(**self.inputs)
        finally:
            for handle in handles:
                handle.remove()
        logits = getattr(found, "logits", None)
        self.result = logits if isinstance(logits, Tensor) else None

    def _hook(self, name: str) -> Callable[..., Any]:
        def hook(_module: nn.Module, given: tuple[Any, ...], result: Any) -> Any:
            if not given or not isinstance(result, Tensor) or not isinstance(given[0], Tensor):
                return None
            result = self._held(name, _module, given[0], result)
            return self.used("norm", name, given[0], lambda _: result)

        return hook

    def _held(self, name: str, module: nn.Module, given: Tensor, result: Tensor) -> Tensor:
        """Return what a norm gives, divided by what it divided by before, if that is held."""
        number = len(self.uses)
        if self.frozen is None or number not in self.held:
            return result
        norm = as_norm(self.norms[name])
        sizes = norm.size(rows(given)) / norm.size(self.frozen.uses[number].input)
        bias = getattr(module, "bias", None)
        bias = 0.0 if bias is None else bias
        return bias + (result - bias) * sizes.reshape(*result.shape[:-1], 1)

    def used(
        self,
        kind: Literal["linear", "lookup", "norm"],
        name: str,
        given: Tensor,
        apply: Callable[[Tensor], Tensor],
        **about: Any,
    ) -> Tensor:
        """Record a use of a weight; return its result, changed or held fixed as asked."""
        number = len(self.uses)
        before = None if self.frozen is None else self.frozen.uses[number]
        if before is not None and (before.kind, before.name) != (kind, name):
            raise RuntimeError(f"{name} is used where {before.name} was")
        if number in self.inputs_of:
            flat = rows(given)
            result = apply(self.inputs_of[number](flat).reshape(given.shape))
            if before is not None and before.kind == "linear":
                was = apply(before.input.reshape(given.shape))
                result = before.output.reshape(result.shape) + (result - was)
        else:
            result = apply(given)
            if before is not None and kind == "linear":
                result = before.output.reshape(result.shape).clone()
        if number in self.outputs:
            result = self.outputs[number](rows(result)).reshape(result.shape)
        flat = given.flatten() if kind == "lookup" else rows(given)
        self.uses.append(Use(kind, name, flat.clone(), rows(result).clone(), **about))
        return result


class _Recorder(TorchFunctionMode):
    """Sees each product with a parameter of the model and each lookup in one."""

    def __init__(self, run: Run) -> None:
        super().__init__()
        self._run = run
        self._names: dict[int, tuple[str, Tensor]] = {}
        for name, parameter in run.model.named_parameters():
            self._names[parameter.untyped_storage().data_ptr()] = name, parameter

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        found = self._seen(func, args, kwargs)
        return func(*args, **kwargs) if found is None else found

    def _seen(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor | None:
        if func is functional.linear:
            named = (kwargs[key] for key in ("input", "weight", "bias") if key in kwargs)
            args, kwargs = (*args, *named), {}
            given, weight, which, flipped = args[0], args[1], 0, False
        elif func in (torch.addmm, torch.baddbmm) and len(args) == 3:
            given, weight, which, flipped = args[1], args[2], 1, True
        elif func in _PRODUCTS and len(args) == 2:
            given, weight, which, flipped = args[0], args[1], 0, True
        elif func in _LOOKUPS:
            ids, weight = (args[0], args[1]) if func is functional.embedding else args[1::-1]
            owner = self._owner(weight)
            if owner is None:
                return None
            return self._run.used("lookup", owner[0], ids, lambda _: func(*args, **kwargs))
        else:
            return None
        owner = self._owner(weight)
        if owner is None or not isinstance(given, Tensor):
            return None
        name, parameter = owner
        if weight.ndim == 3:
            return self._batched(args, which, name, weight, parameter)

        def apply(x: Tensor) -> Tensor:
            return func(*args[:which], x, *args[which + 1 :], **kwargs)  # type: ignore[no-any-return]

        matrix = parameter[0] if parameter.ndim == 3 else parameter
        if matrix.ndim != 2 or weight.ndim != 2:
            return None
        index, offset = None, weight.storage_offset()
        if parameter.ndim == 3:
            index, offset = divmod(offset, matrix.numel())
        transposed = flipped if weight.stride() == matrix.stride() else not flipped
        return self._run.used(
            "linear",
            name,
            given,
            apply,
            index=index,
            start=offset // matrix.shape[1],
            transposed=transposed,
        )

    def _batched(
        self, args: Any, which: int, name: str, weight: Tensor, parameter: Tensor
    ) -> Tensor | None:
        """Return the product of matrices with as many: a use for each."""
        if weight.numel() != parameter.numel():
            return None
        flipped = weight.stride() == parameter.stride()
        results = [
            self._run.used("linear", name, x, matrix.__rmatmul__, index=index, transposed=flipped)
            for index, (x, matrix) in enumerate(zip(args[which], weight, strict=True))
        ]
        found = torch.stack(results)
        return found if which == 0 else args[0] + found

    def _owner(self, weight: Any) -> tuple[str, Tensor] | None:
        if not isinstance(weight, Tensor) or weight.ndim not in (2, 3):
            return None
        return self._names.get(weight.untyped_storage().data_ptr())


def as_norm(place: NormPlace) -> Norm:
    """Return what a norm does, without its parameters."""
    return Norm(place.kind, place.epsilon)


def rows(tensor: Tensor) -> Tensor:
    """Return a tensor with all but its last axis made one."""
    return tensor.reshape(-1, tensor.shape[-1])
