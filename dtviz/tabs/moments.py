"""Moments: strips of what is known of each neuron, or of each feature, in a number."""

from typing import Any

import holoviews as hv
import param

from dtviz.tabs.tab import Tab
from dtviz.views import looks
from dtviz.views.linking import draw_points
from dtviz.views.strip import chance, upright

MOMENTS = {"mean_abs": "mean |congruence|", "std": "standard deviation", "kurtosis": "kurtosis"}


# Tokens of a vocabulary that are drawn, besides those compared.
MOST_LONGEST = 2_000
_UNKNOWN = (
    "The moments over a whole vocabulary are not known yet: press 'List for all neurons' in the "
    "tab Top items."
)


class Moments(Tab):
    """A strip for each number; those of neurons are linked."""

    title = "Moments"
    doc = "Norms, congruences and their moments, of each neuron or of each feature."
    without_python = True
    has_text = True

    of = param.Selector(
        default="moments of neurons",
        objects=["moments of neurons", "lengths and sides of neurons", "moments of features"],
        label="Strips",
        doc="Of each neuron: the moments of its congruences with all features; or its norm, its "
        "congruence with each of the two actions and with the return-to-go. Of each feature: the "
        "moments of its congruences with all neurons in view, and its norm.",
    )

    def set_up(self) -> None:
        """Offer what there are strips of."""
        self.options = [self.param.of]

    def find(self) -> str:
        """Find the table to draw, and what chance would give."""
        study = self.study
        self.text = self._cut = ""
        self._by = "difference"
        if self.of == "moments of features":
            found, items = study.feature_moments, study.items
            if found is None or items is None:
                return study.why_nothing or _UNKNOWN
            shown = study.shortlist(items, MOST_LONGEST)
            if len(shown) < len(items):
                found = found.loc[shown.names]
                self._cut = f" · {len(shown):,} of {len(items):,}"
                self.text = f"Those that are compared, and the {MOST_LONGEST:,} longest."
            self._table = found.assign(name=found.index, difference=0.0)
            self._limits = {}
            return ""
        self._table, self._by = study.neurons, study.colour
        self._limits = study.limits
        if self.of != "moments of neurons":
            return ""
        return study.why_nothing or ("" if study.moments is not None else _UNKNOWN)

    def shape(self) -> object:
        """Other columns ask for other strips."""
        return (self.of, *self._labels().items())

    def _labels(self) -> dict[str, str]:
        if self.of == "moments of neurons":
            return MOMENTS
        if self.of == "moments of features":
            labels = {"norm": "norm", **MOMENTS}
            return {name: f"{label}{self._cut}" for name, label in labels.items()}
        x, y = self.study.axes
        labels = {"norm": "norm", "x": x, "y": y, "rtg_in": "RTG, in", "rtg_out": "RTG, out"}
        return {name: label for name, label in labels.items() if name in self._table}

    def make_views(self) -> list[Any]:
        """Return the strips."""
        return [self._strip(*label) for label in self._labels().items()]

    def _strip(self, column: str, label: str) -> Any:
        def draw() -> hv.Scatter:
            return upright(self._table, column, label, self._by)

        linked = [draw_points(self.hub, f"strip of {column}", "jitter", column)]
        band = chance(lambda: self._limits.get(column))
        hooks = [*([] if self.of == "moments of features" else linked), band, looks.tidy]
        return self.plot(draw, hv.opts.Scatter(hooks=hooks))
