"""The neuron table: one row per neuron, joined from the analyses."""

import pandas as pd

from dtviz.analyses.clustering import Clustering
from dtviz.directions import Directions


def neuron_table(
    neurons: Directions, congruence: pd.DataFrame, clustering: Clustering
) -> pd.DataFrame:
    """Join what the analyses say of each neuron.

    Args:
        neurons: n directions.
        congruence: columns x, y, difference, in the order of the neurons.
        clustering: of the same neurons.

    Returns:
        n rows, indexed by name, with the columns name, x, y, difference, norm (L2 norm of the
        neuron's vector) and leaf (its place from 0 in the clustering's leaf order).
    """
    return pd.DataFrame(
        {
            "name": neurons.names,
            "x": congruence["x"].to_numpy(),
            "y": congruence["y"].to_numpy(),
            "difference": congruence["difference"].to_numpy(),
            "norm": neurons.norms,
            "leaf": clustering.leaf,
        },
        index=pd.Index(neurons.names),
    )
