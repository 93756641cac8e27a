"""Explorer: a model's neurons in linked views that share one selection. It computes nothing."""

import os
from collections.abc import Sequence
from typing import Any, Literal

import holoviews as hv
import pandas as pd
import panel as pn
import param

from dtviz import snapshot
from dtviz.analyses.clustering import MOST_ORDERED
from dtviz.conversation import Conversation
from dtviz.directions import SHORT
from dtviz.errors import BadArgument, DtvizError
from dtviz.model import Model
from dtviz.options import OWN
from dtviz.output import write_whole
from dtviz.session import Session, State
from dtviz.tabs.alike import Alike
from dtviz.tabs.channel_map import ChannelMap
from dtviz.tabs.counts import Counts
from dtviz.tabs.crossings import Crossings
from dtviz.tabs.distributions import Distributions
from dtviz.tabs.moments import Moments
from dtviz.tabs.named_sets import NamedSets
from dtviz.tabs.rest import Rest
from dtviz.tabs.selected import Selected
from dtviz.tabs.surveyor import Surveyor
from dtviz.tabs.tab import Tab
from dtviz.tabs.tables import Tables
from dtviz.tabs.top_features import TopFeatures
from dtviz.tabs.vectors import Vectors
from dtviz.views import looks, page, titles
from dtviz.views.controls import controls
from dtviz.views.downloads import downloads
from dtviz.views.heatmap import DENDROGRAM_HEIGHT, dendrogram, heatmap, tree_lines
from dtviz.views.linking import draw_points, select_blocks, select_branches
from dtviz.views.picker import with_pickers
from dtviz.views.scatter import scatter
from dtviz.views.shared import Hub, LinkedPane, Shared, Written
from dtviz.views.strip import STRIP_HEIGHT, chance, strip, zero
from dtviz.views.zoom import Detail

# Pixels: with the tabs below, it fits a window of 900.
LEAST_HEIGHT = 320


class Explorer(Session, pn.viewable.Viewer):
    """The neurons of a model in linked views.

    Show it at the end of a notebook cell, or serve it with ``servable()``. The options of its
    analyses are the parameters of ``congruence``, ``clustering``, ``features``, ``ranking``,
    ``exemplar`` and ``pairs``: set them, and the views follow. Each view can be shown alone:
    ``scatter``, ``strip``, ``heatmap``, ``dendrogram``, ``top_k``, ``counts``, ``channel_map``,
    ``selected_heatmap``, ``alike``, ``strips``, ``distributions``, ``crossings``, ``vectors``,
    ``tables``, ``rest`` and ``named_sets``.

    Takes a model with an unembedding, and what `Options` takes.

    Raises:
        BadArgument: if the model has no unembedding, or an option is none of those it can be.
        UnknownName: if the model has no such layer, side or action.
    """

    address = param.String(doc="What the end of the page's address is to be; none where empty.")
    wanted = param.String(doc="What it was when the page was opened, or one went back.")

    # Count how often results that views follow have been replaced.
    _compared = param.Integer(0)
    _similar = param.Integer(0)
    _cut = param.Integer(0)

    def __init__(self, model: Model, **options: Any) -> None:
        self._drawn: dict[str, Any] = {}
        super().__init__(model, **options)
        self._find()
        self._conversation = Conversation(self)
        self._hub = Hub(self.neurons, self.selection, self.sets, self._conversation.shown())
        self._hub.by = self.colour
        self._cells = Shared("cells", self._cells_frame())
        self._detail = Detail(lambda: self.similarity)
        self._lines = Shared("tree", self._tree_lines(), columns=["first", "last"])
        self._make_views()
        self._make_tabs()
        # After the widgets: of a change that is taken back, they are to hear last.
        self.param.watch(self._refresh, [*OWN], precedence=1)
        self.param.watch(self._detail.clear, "_similar")
        for options_of in self._options_of_all:
            names = [name for name in options_of.param if name != "name"]
            options_of.param.watch(self._refresh, names, precedence=1)
        self.selection.param.watch(self._follow_selection, "names")
        self._conversation.begin(self._hub.session)

    def check(self, model: object) -> None:
        """Refuse what cannot be looked at.

        Raises:
            BadArgument: if it is no model, or has no unembedding.
        """
        super().check(model)
        if isinstance(model, Model) and model.unembedding is None:
            raise BadArgument(
                expected="a model with an unembedding: actions or tokens to compare",
                got=f"{model.name}, which has none",
                do="Give Model.from_arrays an unembedding."
                if model.dictionary is None
                else "Name the model that it was trained on: load(path, model=...), or --model.",
            )

    def __repr__(self) -> str:
        x, y = self.axes
        return (
            f"Explorer({self.model.name}: {self._where_in(self.side)}, "
            f"{y} against {x}; {len(self.selection)} selected)"
        )

    def save(
        self,
        path: str | os.PathLike[str],
        layers: Sequence[int | Literal["all"]] | Literal["all"] | None = None,
    ) -> None:
        """Write a snapshot: one HTML file of the explorer as it stands, linked with no server.

        Args:
            path: of the file; one that exists is kept until the new one is complete.
            layers: the layers to put in it, with a switch between them, or "all" for each of the
                model's; the layer in view by default.

        Raises:
            UnknownName: if the model has no such layer.
            FileProblem: if the file cannot be written.
        """
        write_whole(path, snapshot.of(self, layers))

    def know(self, other: "Explorer") -> None:
        """Take over what another explorer has found of the same model, layer and options."""
        self._kept = dict(other._kept)
        self._follow()

    def leave_python(self) -> None:
        """Offer only what the browser can do alone, for a snapshot of this explorer."""
        self._conversation.leave_python()

    def _open(self, event: Any) -> None:
        before, steps, is_going_back = self.state, self._history, self._settling
        super()._open(event)
        if is_going_back:
            return
        try:
            self._follow()
        except Exception:  # whatever it is, nothing of that model is to stay
            with self._without_steps():
                self.model = event.old
            self._settle(before)
            self._history = steps
            raise

    def _settle(self, state: State) -> None:
        super()._settle(state)
        self._follow()

    def _refresh(self, *_: object) -> None:
        """Follow the options; a change of them that cannot be followed is taken back, and said."""
        if self._settling:
            return
        try:
            self._follow()
        except DtvizError as error:  # too large for the memory, or a damaged layer
            self._settle(self._history.present)
            self._conversation.say(message=str(error))

    def _follow(self) -> None:
        """Show what the options ask for, in all views at once; if it is not found, nothing new."""
        with page.at_once(*self._hub.documents):
            self._find()
            self._hub.show(self.neurons, self.colour)
            self._cells.hold(self._cells_frame())
            self._lines.hold(self._tree_lines())
            self.surveyor.look()
            for tab in self.tabs:
                tab.refresh()

    def _follow_selection(self, *_: object) -> None:
        for tab in self.tabs:
            if tab.follows_selection and not self._settling:
                tab.refresh()

    def _find(self) -> None:
        """Find what the options in force ask for; views follow where it is another."""
        _ = self.neurons  # all of it, before any view follows
        points = (self.compared, self.colour)
        points = self._keep("points", lambda: points, *points)
        found = {"_compared": points, "_similar": self.similarity, "_cut": self.clusters}
        others = [name for name, new in found.items() if new is not self._drawn.get(name)]
        self._drawn = found
        self.param.update(**{name: getattr(self, name) + 1 for name in others})

    def _cells_frame(self) -> pd.DataFrame:
        shown = self.similarity
        cells = {"start": shown.bounds, "of": shown.value}
        return self._keep("cells", lambda: pd.DataFrame(cells), shown)

    def _where_in(self, side: str) -> str:
        return titles.of_layer(self.layer, side, self.expert_in_view)

    def _comparison_title(self, what: str) -> str:
        return titles.of_comparison(
            what,
            self._where_in(self.side),
            layer_norm=self.is_layer_normed,
            norm=SHORT[self.model.normalization],
            angle=self.angle if self.congruence.contrast else None,
        )

    def _draw_scatter(self, _: object) -> hv.Overlay:
        x, y = self.axes
        title = self._comparison_title(f"{y} against {x}")
        return scatter(self.neurons, x, y, title, self.ellipse, self.colour)

    def _draw_strip(self, _: object) -> hv.Scatter:
        x, y = self.axes
        return strip(self.neurons, x, y, self._comparison_title(f"{y} − {x}"), self.colour)

    def _difference_limits(self) -> tuple[float, float]:
        return -self.difference_limit, self.difference_limit

    def _draw_heatmap(self, _: object) -> hv.Image:
        n = len(self.neurons)
        where = self._where_in(self.space)
        limit, groups = self.similarity_limit, self.clustered.groups
        title = titles.of_similarity(where, self.similarity, limit, groups)
        if self.clustering.is_too_large(n):
            title += f" · best leaf order only up to {MOST_ORDERED:,}"
        return heatmap(self.similarity.values, n, title)

    def _tree_lines(self) -> pd.DataFrame:
        tree, clusters = self.clustered, self.clusters
        return self._keep(
            "tree lines",
            lambda: tree_lines(self.segments, clusters[tree.order]),
            *(tree, clusters),
        )

    def _draw_dendrogram(self, _: object) -> hv.Segments:
        return dendrogram(self._tree_lines())

    def _make_views(self) -> None:
        """Make the views; they draw when they are shown."""
        # The least height is what a view has alone, in a notebook.
        responsive = {"sizing_mode": "stretch_both", "min_height": LEAST_HEIGHT}
        across = draw_points(self._hub, "congruence", "x", "y", leads=True)
        along = draw_points(self._hub, "difference", "difference", "jitter")
        by_chance = chance(self._difference_limits, "left", "right")
        blocks = select_blocks(self._hub, self._cells, self._detail, "similarity")

        def linked(draw: Any, follows: param.Parameter, hooked: Any, **layout: Any) -> LinkedPane:
            shared = [self._hub, self._cells, self._detail, self._lines]
            return LinkedPane(draw, follows, [hooked], shared, **layout)

        self.scatter = linked(
            self._draw_scatter,
            self.param._compared,
            hv.opts.Scatter(hooks=[across, looks.tidy]),
            **responsive,
        )
        self.strip = linked(
            self._draw_strip,
            self.param._compared,
            hv.opts.Scatter(hooks=[along, by_chance, zero("height"), looks.tidy]),
            sizing_mode="stretch_width",
            height=STRIP_HEIGHT,
        )
        self.heatmap = linked(
            self._draw_heatmap,
            self.param._similar,
            hv.opts.Image(hooks=[blocks, looks.align, looks.tidy]),
            **responsive,
        )
        self.dendrogram = linked(
            self._draw_dendrogram,
            self.param._cut,
            hv.opts.Segments(
                hooks=[
                    select_branches(self._hub, self._lines, "dendrogram"),
                    looks.tidy,
                    looks.align,
                ]
            ),
            sizing_mode="stretch_width",
            height=DENDROGRAM_HEIGHT,
        )
        self.count = Written("count", self._hub, styles=page.LINE, margin=(2, 10))
        self.bar = Written(
            "bar",
            self._hub,
            {"session": self._hub.session},
            uses=("choose", "search", "keys", "set_file", "lost"),
            stylesheets=[page.BAR_CSS],
            sizing_mode="stretch_width",
            height=26,
            margin=(4, 10, 0, 10),
        )

    def _make_tabs(self) -> None:
        """Make the tabs; they find what they show when they are opened."""
        shared = (self, self.selection, self._hub)
        ranking = self.ranking_of(self.selection.names)
        ranking = Shared("ranking", ranking, columns=["neuron", "item", "value"])
        self.surveyor = Surveyor(self)
        self.surveyor.param.watch(self._refresh, "finished")
        self.top_k = TopFeatures(*shared, ranking, self.surveyor)
        self.counts = Counts(*shared, ranking)
        self.channel_map = ChannelMap(*shared)
        self.selected_heatmap = Selected(*shared)
        self.alike = Alike(*shared)
        self.strips = Moments(*shared)
        self.distributions = Distributions(*shared)
        self.crossings = Crossings(*shared)
        self.vectors = Vectors(*shared)
        self.tables = Tables(*shared)
        self.rest = Rest(*shared)
        self.named_sets = NamedSets(*shared)
        # In the order in which they were made.
        self.tabs = [tab for tab in vars(self).values() if isinstance(tab, Tab)]

    @property
    def status(self) -> pn.Row:
        """Which model is in view, how its weights were processed, and how many are selected."""
        shown = self.param.model
        known = (pn.bind(titles.of_model, shown), pn.bind(titles.known_of, shown))
        model = page.detailed(*known, flex="1")
        return pn.Row(model, self.count, sizing_mode="stretch_width", styles=page.LINE)

    def controls(self, toolkit: Any) -> pn.Column:
        """Return the widgets of a toolkit for the options that concern several views."""
        parameters = [self.param[name] for name in OWN]
        for owner in self._options_of_all:
            parameters += [owner.param[name] for name in owner.param if name != "name"]
        # Of few neurons these change nothing.
        has_blocks = pn.bind(lambda _: not self.similarity.are_single, self.param._similar)
        shown = dict.fromkeys(("exact_up_to", "block_value"), has_blocks)
        shown["expert"] = pn.bind(lambda _: bool(self.experts), self.param._compared)
        shown["colour_column"] = pn.bind(lambda _: self.has_experts, self.param._compared)
        widgets = with_pickers(toolkit, parameters, controls(toolkit, parameters, shown))
        return pn.Column(*widgets, sizing_mode="stretch_width")

    @property
    def _options_of_all(self) -> tuple[param.Parameterized, ...]:
        return (self.congruence, self.clustering, self.blocks, self.features, self.ranking)

    def downloads(self, toolkit: Any) -> pn.Column:
        """Return a choice of files to take away, and the button for it."""
        return downloads(toolkit, self, lambda: snapshot.of(self))

    @property
    def board(self) -> pn.Column:
        """All views, arranged."""
        below = page.tabs(self.tabs)
        return page.board(self.bar, self.scatter, self.strip, self.dendrogram, self.heatmap, below)

    def __panel__(self) -> pn.Row:
        shown = pn.Column(self.status, self.board, sizing_mode="stretch_both")
        return pn.Row(
            pn.Column(self.controls(pn.widgets), width=220),
            shown,
            height=820,
            sizing_mode="stretch_width",
            hooks=[looks.inline_styles],
        )

    def page(self) -> pn.viewable.Viewable:
        """The explorer as a whole page, with header, sidebar and theme toggle."""
        return page.page("dtviz", self)

    def servable(self, title: str = "dtviz", **kwargs: Any) -> pn.viewable.Viewable:
        """Serve this explorer as a page of its own, under ``panel serve``."""
        return self.page().servable(title, **kwargs)
