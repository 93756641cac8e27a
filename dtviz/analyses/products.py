"""Products: the congruences of neurons with many items, made block by block, never all at once."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from dtviz.accelerator import product
from dtviz.analyses.congruence import check_widths
from dtviz.directions import Directions, Float32

Float64 = npt.NDArray[np.float64]

# Items beyond which they are a vocabulary: their products with a whole layer take seconds.
VOCABULARY = 4_096
# Of a block: of two million products few tens of megabytes are made at a time.
_ROWS, _COLUMNS = 512, 4_096


def is_vocabulary(items: Directions | None) -> bool:
    """Return whether there are so many items that not all is done with them at once."""
    return items is not None and len(items) > VOCABULARY


@dataclass(frozen=True, eq=False)
class Products:
    """The products of n neurons with F items; see `congruences` and `cosines`.

    Args:
        neurons: n directions, prepared.
        items: F directions.
        scales: what the products with each item are divided by, (F,); None for 1.
        are_cosines: whether the products are cosines, from -1 to 1.

    Raises:
        BadArgument: if the two live in residual streams of different widths.
    """

    neurons: Directions
    items: Directions
    scales: Float32 | None = None
    are_cosines: bool = False

    def __post_init__(self) -> None:
        check_widths(self.neurons, self.items)

    @property
    def shape(self) -> tuple[int, int]:
        """Neurons and items."""
        return len(self.neurons), len(self.items)

    def block(self, rows: slice, columns: slice) -> Float32:
        """Return the products of some neurons with some items, float32."""
        block: Float32 = product(self.neurons.vectors[rows], self.items.vectors[columns])
        if self.scales is not None:
            block /= self.scales[columns]
        return np.clip(block, -1, 1, out=block) if self.are_cosines else block

    def rows(self) -> list[slice]:
        """Return the neurons in parts, as many in each as a block holds; at least one part."""
        most = max(_ROWS, _ROWS * _COLUMNS // max(len(self.items), 1))
        return slices(len(self.neurons), most)

    def blocks(self, rows: slice) -> Iterator[tuple[slice, Float32]]:
        """Yield the products of some neurons with all items, block by block, in their order."""
        for columns in slices(len(self.items), _COLUMNS):
            yield columns, self.block(rows, columns)

    def of(self, rows: Sequence[int]) -> "Products":
        """Return the products of some of the neurons."""
        return replace(self, neurons=self.neurons.subset(rows))

    def frame(self) -> pd.DataFrame:
        """Return all products at once, neurons x items: not for a vocabulary."""
        whole = self.block(slice(None), slice(None))
        return pd.DataFrame(whole, index=self.neurons.names, columns=self.items.names)


def slices(n: int, most: int) -> list[slice]:
    """Return parts of at most so many, in order; one that is empty where there is nothing."""
    return [slice(start, min(start + most, n)) for start in range(0, max(n, 1), most)]


def congruences(neurons: Directions, items: Directions, *, layer_norm: bool) -> Products:
    """Return the products of neurons with items, or with LN(items).

    With s(e) the root of e's variance (and epsilon), w · LN(e) = (w - mean(w)) · e / s(e); RMSNorm
    leaves the means where they are. So a vocabulary is not normalized in a copy.

    Args:
        neurons: n directions.
        items: F directions.
        layer_norm: whether the items are normalized, where the model does so.

    Raises:
        BadArgument: if the two live in residual streams of different widths.
    """
    if not layer_norm or items.normalization is None:
        return Products(neurons, items)
    if not is_vocabulary(items):
        return Products(neurons, items.layer_normed())
    if items.normalization == "LN":
        means = neurons.vectors.mean(axis=1, keepdims=True, dtype=np.float64)
        neurons = replace(neurons, vectors=(neurons.vectors - means).astype(np.float32))
    return Products(neurons, items, layer_norm_scales(items))


def cosines(neurons: Directions, items: Directions) -> Products:
    """Return the cosines of neurons with items; with a row of zeros they are 0.

    Raises:
        BadArgument: if the two live in residual streams of different widths.
    """
    if not is_vocabulary(items):
        return Products(neurons.unit(), items.unit(), are_cosines=True)
    scales = np.where(items.norms > 0, items.norms, np.float32(1))
    return Products(neurons.unit(), items, scales, are_cosines=True)


def layer_norm_scales(items: Directions) -> Float32:
    """Return what LayerNorm, or RMSNorm, divides each row by, (rows,), made block by block."""
    parts = [_scales(_centred(items, rows), items) for rows in slices(len(items), _COLUMNS)]
    scales: Float32 = np.concatenate(parts)[:, 0].astype(np.float32)
    return scales


def _centred(items: Directions, rows: slice) -> Float64:
    """Return some rows, less their means where the normalization subtracts them."""
    block: Float64 = items.vectors[rows].astype(np.float64)
    return block - block.mean(axis=1, keepdims=True) if items.normalization == "LN" else block


def _scales(centred: Float64, items: Directions) -> Float64:
    return np.asarray(np.sqrt((centred**2).mean(axis=1, keepdims=True) + items.epsilon))


def gram_root(items: Directions, *, layer_norm: bool) -> Directions:
    """Return d_model rows R in place of many more: RᵀR = EᵀE, E the items, LN(E) perhaps.

    The rows of W Rᵀ have the dot products, norms and cosines of the rows of W Eᵀ, as
    W Rᵀ R Wᵀ = W Eᵀ E Wᵀ. R is made from the eigenvectors of EᵀE, in float64.

    Args:
        items: E, (F, d_model).
        layer_norm: whether they are normalized, where the model does so.

    Returns:
        (d_model, d_model), which need no normalization any more.
    """
    width = items.vectors.shape[1]
    normed = layer_norm and items.normalization is not None
    gram = np.zeros((width, width))
    for rows in slices(len(items), _COLUMNS):
        block = items.vectors[rows].astype(np.float64)
        if normed:
            block = _centred(items, rows)
            block /= _scales(block, items)
        gram += block.T @ block
    values, vectors = np.linalg.eigh(gram)
    root = np.sqrt(np.maximum(values, 0))[:, None] * vectors.T
    return rooted(items, root.astype(np.float32))


def rooted(items: Directions, root: Float32) -> Directions:
    """Return R with names, as from `gram_root`."""
    return Directions(root, [f"direction {i}" for i in range(len(root))], items.label)
