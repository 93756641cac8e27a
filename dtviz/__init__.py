"""dtviz shows what the MLP neurons of a transformer read and write.

The public names are imported when they are first used: ``import dtviz`` alone loads neither torch
nor Panel.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from dtviz import errors

if TYPE_CHECKING:
    from dtviz.analyses.clustering import Clustering as Clustering
    from dtviz.analyses.clustering import cluster as cluster
    from dtviz.analyses.congruence import congruence as congruence
    from dtviz.analyses.congruence import contrast as contrast
    from dtviz.analyses.ranking import top_k as top_k
    from dtviz.analyses.similarity import cosine_similarity as cosine_similarity
    from dtviz.analyses.similarity import similar_pairs as similar_pairs
    from dtviz.checkpoints import load as load
    from dtviz.directions import Directions as Directions
    from dtviz.explorer import Explorer as Explorer
    from dtviz.model import Model as Model
    from dtviz.selection import Selection as Selection

__version__ = "0.1.0"

_HOMES = {
    "Clustering": "dtviz.analyses.clustering",
    "Directions": "dtviz.directions",
    "Explorer": "dtviz.explorer",
    "Model": "dtviz.model",
    "Selection": "dtviz.selection",
    "cluster": "dtviz.analyses.clustering",
    "congruence": "dtviz.analyses.congruence",
    "contrast": "dtviz.analyses.congruence",
    "cosine_similarity": "dtviz.analyses.similarity",
    "load": "dtviz.checkpoints",
    "similar_pairs": "dtviz.analyses.similarity",
    "top_k": "dtviz.analyses.ranking",
}

__all__ = ["__version__", "errors", *_HOMES]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'dtviz' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
