"""A tab that looks at neurons in a space of its own choice."""

import param

from dtviz.analyses.spaces import Space
from dtviz.directions import Directions
from dtviz.options import Layer
from dtviz.tabs.tab import Tab


class SpaceTab(Tab):
    """A tab with a choice of the space in which neurons are compared."""

    space = param.Selector(
        label="Resemblance of",
        doc="Compare neurons by weights (out, in, gate), by what they write (their congruences "
        "with all actions) or by what they read (with all input features).",
    )

    def set_up(self) -> None:
        """Offer the spaces of the model."""
        self.options = [self.param.space]
        self._offer()

    def _offer(self) -> None:
        spaces = self.study.spaces
        if spaces != self.param.space.objects:
            self.param.space.objects = spaces
        if self.space not in spaces:
            self.space = spaces[0]

    @property
    def layer(self) -> Layer:
        """The layer whose neurons are compared."""
        layer: Layer = self.study.layer
        return layer

    @property
    def rows(self) -> Directions:
        """What stands for the neurons of the layer, in the space chosen."""
        self._offer()  # another model may have come
        name: Space = self.space
        return self.study.rows(name, self.layer)

    def chosen(self, rows: Directions) -> list[str]:
        """Return the selected neurons that are among some rows."""
        known = set(rows.names)
        return [name for name in self.selection.names if name in known]
