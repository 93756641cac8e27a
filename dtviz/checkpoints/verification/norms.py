"""norms_of: the modules of a model that are norms."""

from torch import Tensor, nn

from dtviz.checkpoints.norm import norm_of
from dtviz.checkpoints.verification.anatomy import NormPlace
from dtviz.errors import DtvizError


def norms_of(model: nn.Module, width: int) -> dict[str, NormPlace]:
    """Return the modules of a model that are norms, by name."""
    found = {}
    for name, module in model.named_modules():
        weight = getattr(module, "weight", None)
        named = "norm" in type(module).__name__.lower()
        flat = isinstance(weight, Tensor) and weight.ndim == 1
        if not (flat or (weight is None and named)) or list(module.children()):
            continue
        try:
            norm = norm_of(module, len(weight) if weight is not None else width)
        except DtvizError:
            continue
        held = {
            key: f"{name}.{key}"
            for key, _ in module.named_parameters()
            if key in ("weight", "bias")
        }
        found[name] = NormPlace(
            norm.kind, norm.epsilon, norm.offset, held.get("weight"), held.get("bias")
        )
    return found
