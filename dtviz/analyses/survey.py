"""Survey: what the products of a layer's neurons with a whole vocabulary tell, in one pass."""

from collections.abc import Generator
from dataclasses import dataclass

import pandas as pd

from dtviz.analyses.moments import Spread
from dtviz.analyses.products import Products, slices
from dtviz.analyses.ranking import Ends, Ranking, joined

# Neurons between which one can be told how far it is, and stop.
_STEP = 128


@dataclass(frozen=True, eq=False)
class Survey:
    """What is known once all products were made.

    Args:
        ranking: the items at either end for each neuron.
        of_neurons: the moments of each neuron over the items; see `dtviz.moments`.
        of_items: the moments of each item over the neurons.
    """

    ranking: Ranking
    of_neurons: pd.DataFrame
    of_items: pd.DataFrame


def survey(products: Products, k: int) -> Generator[int, None, Survey]:
    """Make all products, some neurons at a time; yield how many neurons are done each time.

    Args:
        products: of neurons with items.
        k: items at either end.
    """
    n, items = products.shape
    of_neurons, of_items, parts = Spread(n), Spread(items), []
    for rows in slices(n, _STEP):
        ends = Ends(rows.stop - rows.start, k)
        for columns, block in products.blocks(rows):
            ends.add(block, columns.start)
            of_neurons.add(block, rows)
            of_items.add(block.T, columns)
        parts.append(ends)
        yield rows.stop
    return Survey(
        joined(products, parts),
        of_neurons.frame(products.neurons.names),
        of_items.frame(products.items.names),
    )
