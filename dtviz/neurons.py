"""The neuron table: one row per neuron, joined from the analyses."""

import numpy as np
import numpy.typing as npt
import pandas as pd

from dtviz.analyses.clustering import Clustering
from dtviz.directions import Directions


def neuron_table(
    neurons: Directions,
    congruence: pd.DataFrame,
    clustering: Clustering,
    clusters: npt.NDArray[np.intp],
    moments: pd.DataFrame | None = None,
    rtg: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Join what the analyses say of each neuron.

    Args:
        neurons: n directions.
        congruence: columns x, y, difference, in the order of the neurons.
        clustering: of the same neurons.
        clusters: the cluster of each, (n,).
        moments: columns mean_abs, std, kurtosis, where there is anything to compare with.
        rtg: the congruence of each side ("in", "out") with the return-to-go, where there is one.

    Returns:
        n rows, indexed by name, with the columns name, x, y, difference, norm (L2 norm of the
        neuron's vector), leaf (its place from 0 in the clustering's leaf order), cluster, and
        where they are known mean_abs, std, kurtosis, rtg_in and rtg_out.
    """
    table = pd.DataFrame(
        {
            "name": neurons.names,
            "x": congruence["x"].to_numpy(),
            "y": congruence["y"].to_numpy(),
            "difference": congruence["difference"].to_numpy(),
            "norm": neurons.norms,
            "leaf": clustering.leaf,
            "cluster": clusters,
        },
        index=pd.Index(neurons.names),
    )
    known = [moments, None if rtg is None else rtg.add_prefix("rtg_")]
    # The parts are in the order of the neurons: no look-up by name is needed.
    return pd.concat(
        [table, *(part.set_axis(table.index) for part in known if part is not None)], axis=1
    )
