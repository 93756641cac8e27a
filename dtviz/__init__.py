"""dtviz shows what the MLP neurons of a transformer read and write.

The public names are imported when they are first used: ``import dtviz`` alone loads neither torch
nor Panel.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from dtviz import errors

if TYPE_CHECKING:
    from dtviz.analyses.across import across as across
    from dtviz.analyses.across import ranked as ranked
    from dtviz.analyses.chance import random_like as random_like
    from dtviz.analyses.clustering import Clustering as Clustering
    from dtviz.analyses.clustering import cluster as cluster
    from dtviz.analyses.congruence import congruence as congruence
    from dtviz.analyses.congruence import contrast as contrast
    from dtviz.analyses.distributions import distribution as distribution
    from dtviz.analyses.distributions import summary as summary
    from dtviz.analyses.features import restricted as restricted
    from dtviz.analyses.groups import against_rest as against_rest
    from dtviz.analyses.moments import moments as moments
    from dtviz.analyses.ranking import top_k as top_k
    from dtviz.analyses.similarity import cosine_similarity as cosine_similarity
    from dtviz.analyses.similarity import exemplar_cluster as exemplar_cluster
    from dtviz.analyses.similarity import similar_pairs as similar_pairs
    from dtviz.analyses.spaces import space as space
    from dtviz.checkpoints import load as load
    from dtviz.checkpoints import verify as verify
    from dtviz.directions import Directions as Directions
    from dtviz.explorer import Explorer as Explorer
    from dtviz.model import Model as Model
    from dtviz.selection import Selection as Selection
    from dtviz.sets import NeuronSet as NeuronSet
    from dtviz.sets import Sets as Sets
    from dtviz.tables import read_table as read_table

__version__ = "0.1.0"

_HOMES = {
    "Clustering": "dtviz.analyses.clustering",
    "Directions": "dtviz.directions",
    "Explorer": "dtviz.explorer",
    "Model": "dtviz.model",
    "NeuronSet": "dtviz.sets",
    "Selection": "dtviz.selection",
    "Sets": "dtviz.sets",
    "across": "dtviz.analyses.across",
    "against_rest": "dtviz.analyses.groups",
    "cluster": "dtviz.analyses.clustering",
    "congruence": "dtviz.analyses.congruence",
    "contrast": "dtviz.analyses.congruence",
    "cosine_similarity": "dtviz.analyses.similarity",
    "distribution": "dtviz.analyses.distributions",
    "exemplar_cluster": "dtviz.analyses.similarity",
    "load": "dtviz.checkpoints",
    "moments": "dtviz.analyses.moments",
    "random_like": "dtviz.analyses.chance",
    "ranked": "dtviz.analyses.across",
    "read_table": "dtviz.tables",
    "restricted": "dtviz.analyses.features",
    "similar_pairs": "dtviz.analyses.similarity",
    "space": "dtviz.analyses.spaces",
    "summary": "dtviz.analyses.distributions",
    "top_k": "dtviz.analyses.ranking",
    "verify": "dtviz.checkpoints",
}

__all__ = ["__version__", "errors", *_HOMES]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'dtviz' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
