"""Explorer: a model's neurons in linked views that share one selection. It computes nothing."""

import os
from collections.abc import Sequence
from typing import Any, Literal

import holoviews as hv
import pandas as pd
import panel as pn
import param

from dtviz import snapshot
from dtviz.analyses.clustering import ClusterAnalysis, Clustering, tree_segments
from dtviz.analyses.congruence import CongruenceAnalysis, angle, usual_pair
from dtviz.analyses.ranking import Ranking, RankingAnalysis
from dtviz.analyses.similarity import averaged_similarity
from dtviz.errors import BadArgument, UnknownName, listed, shortened
from dtviz.model import Model, Side
from dtviz.neurons import neuron_table
from dtviz.output import write_whole
from dtviz.selection import Selection
from dtviz.views import looks, page, titles
from dtviz.views.controls import controls
from dtviz.views.downloads import downloads
from dtviz.views.heatmap import DENDROGRAM_HEIGHT, dendrogram, heatmap
from dtviz.views.linking import Hub, LinkedPane, Shared, Written, draw_points, select_blocks
from dtviz.views.scatter import scatter
from dtviz.views.strip import STRIP_HEIGHT, strip

# Cells a side that the heatmap has at most: of more neurons it shows averages.
MOST_CELLS = 1024
# Pixels: with the tables below, it fits a window of 900.
LEAST_HEIGHT = 340


class _ComparableModel(param.Parameter):
    """A model that is checked before it is set."""

    def __set__(self, obj: param.Parameterized, model: object) -> None:
        if not isinstance(model, Model):
            raise BadArgument(
                expected="a Model",
                got=shortened(model),
                do="Open a checkpoint with dtviz.load, or make one with Model.from_arrays.",
            )
        if model.unembedding is None:
            raise BadArgument(
                expected="a model with an unembedding: actions or tokens to compare",
                got=f"{model.name}, which has none",
                do="Give Model.from_arrays an unembedding.",
            )
        super().__set__(obj, model)


class Explorer(pn.viewable.Viewer):
    """The neurons of a model in linked views.

    Show it at the end of a notebook cell, or serve it with ``servable()``. The options of its
    analyses are the parameters of ``congruence``, ``clustering`` and ``ranking``: set them, and
    the views follow.

    Args:
        model: what to look at; it needs an unembedding.
        layer: a layer's number or "all"; the last layer by default.
        side: which vectors of the neurons to look at: "out", "in" or "gate".
        x, y: the actions (or tokens) to compare; left and right, or the first two, by default.
        layer_norm, contrast: see `CongruenceAnalysis`.
        method, distance: see `ClusterAnalysis`.
        k: how many items to list at either end, for each selected neuron.

    Raises:
        BadArgument: if the model has no unembedding, or an option is none of those it can be.
        UnknownName: if the model has no such layer, side or action.
    """

    model = _ComparableModel(doc="The model in view; set it to open another.")
    layer = param.Selector(label="Layer", doc="The layer whose neurons are in view, or all.")
    side = param.Selector(
        label="Side",
        doc="Which weights of a neuron to look at: what it writes (out), what it reads (in), or "
        "what its gate reads (gate).",
    )
    neurons = param.DataFrame(doc="The neuron table: one row a neuron in view.")

    # Results that views follow: replaced, never changed.
    _compared = param.DataFrame()
    _clustered = param.ClassSelector(class_=Clustering)

    def __init__(
        self,
        model: Model,
        *,
        layer: int | Literal["all"] | None = None,
        side: Side = "out",
        x: str | None = None,
        y: str | None = None,
        layer_norm: bool = True,
        contrast: bool = False,
        method: str = "average",
        distance: str = "cosine",
        k: int = 10,
    ) -> None:
        super().__init__(model=model)
        self.congruence = CongruenceAnalysis()
        self.clustering = ClusterAnalysis()
        self.ranking = RankingAnalysis()
        self._offer_choices()
        _choose(self, layer=layer, side=side)
        _choose(self.congruence, x=x, y=y, layer_norm=layer_norm, contrast=contrast)
        _choose(self.clustering, method=method, distance=distance)
        _choose(self.ranking, k=k)
        self.selection = Selection(model.neurons("all").names)
        self._inputs: dict[str, tuple[Any, ...]] = {}
        # Whether options are being fitted to another model: views wait for the last of them.
        self._settling = False
        self._compute()
        self._hub = Hub(self.neurons, self.selection)
        self._cells = Shared("cells", self._cells_frame())
        self._ranked = Shared("ranking", self.ranked[["item", "value"]])
        self._make_views()
        self.param.watch(self._open, "model")
        self.param.watch(self._refresh, ["layer", "side"])
        for options in (self.congruence, self.clustering, self.ranking):
            options.param.watch(self._refresh, [name for name in options.param if name != "name"])

    def __repr__(self) -> str:
        x, y = self.axes
        return (
            f"Explorer({self.model.name}: {titles.of_layer(self.layer, self.side)}, "
            f"{y} against {x}; {len(self.selection)} selected)"
        )

    @property
    def selected(self) -> pd.DataFrame:
        """The rows of ``neurons`` that are selected, in the order of the table."""
        selected: pd.DataFrame = self.neurons[self.neurons["name"].isin(self.selection.names)]
        return selected

    @property
    def options(self) -> dict[str, Any]:
        """The options in force: what Explorer takes besides the model, to show the same again."""
        return {"layer": self.layer, "side": self.side} | {
            name: value
            for analysis in (self.congruence, self.clustering, self.ranking)
            for name, value in analysis.param.values().items()
            if name != "name"
        }

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

    @property
    def ranked(self) -> pd.DataFrame:
        """What each neuron in view reads most and least, as from `dtviz.top_k`; maybe empty."""
        columns = ["name", "end", "rank", "item", "value"]
        return pd.DataFrame(columns=columns) if self._ranking is None else self._ranking.frame()

    def _offer_choices(self) -> None:
        """Fit the choices of layer, side and actions to the model; a choice it has too stays."""
        layers = list(range(self.model.n_layers))
        actions = self.model.unembedding.names
        _offer(self.param.layer, [*layers, "all"], layers[-1])
        _offer(self.param.side, list(self.model.sides), "out")
        x, y = usual_pair(actions)
        _offer(self.congruence.param.x, actions, x)
        _offer(self.congruence.param.y, actions, y)

    def _open(self, _: object) -> None:
        self.selection.start_over(self.model.neurons("all").names)
        self._settling = True
        try:
            self._offer_choices()
        finally:
            self._settling = False
        self._refresh()

    def _refresh(self, *_: object) -> None:
        """Follow the options, in all views at once."""
        if self._settling:
            return
        with pn.io.hold():
            self._compute()
            self._hub.show(self.neurons)
            self._cells.frame = self._cells_frame()
            self._ranked.frame = self.ranked[["item", "value"]]

    def _is_stale(self, what: str, *inputs: Any) -> bool:
        """Return whether ``what`` was last computed from other inputs; remember these."""
        stale = self._inputs.get(what) != inputs
        self._inputs[what] = inputs
        return stale

    def _compute(self) -> None:
        """Compute what the options in force ask for and is not in hand."""
        model, compare = self.model, self.congruence
        view = (model, self.layer, self.side)
        self._in_view = model.neurons(self.layer, self.side)
        with param.parameterized.batch_call_watchers(self):
            if self._is_stale("congruence", *view, *compare.param.values().values()):
                self._compared = compare(self._in_view, self.side, model.unembedding)
            if self._is_stale("clustering", *view, *self.clustering.param.values().values()):
                self._clustered = self.clustering(self._in_view)
                self._similarity, self._bounds = averaged_similarity(
                    self._in_view, self._clustered.order, MOST_CELLS
                )
            self.neurons = neuron_table(self._in_view, self._compared, self._clustered)
        if self._is_stale("ranking", *view, compare.layer_norm, self.ranking.k):
            self._ranking = self._rank()

    def _rank(self) -> Ranking | None:
        """Rank what the neurons in view read, whatever side is in view; None if that is unknown."""
        side = self._reading_side
        if self.model.embedding is None or side not in self.model.sides:
            return None
        reading = self.model.neurons(self.layer, side)
        return self.ranking(reading, self.model.embedding, self.congruence.layer_norm)

    @property
    def _reading_side(self) -> Side:
        return "gate" if self.side == "gate" else "in"

    @property
    def cells(self) -> int:
        """Cells a side of the heatmap: as many as neurons, or fewer, averaged."""
        return len(self._similarity)

    def _cells_frame(self) -> pd.DataFrame:
        return pd.DataFrame({"start": self._bounds})

    @property
    def axes(self) -> tuple[str, str]:
        """What x and y stand for: "left" and "right", or "left not right" and so on."""
        x, y = self.congruence.x, self.congruence.y
        return (f"{x} not {y}", f"{y} not {x}") if self.congruence.contrast else (x, y)

    def _comparison_title(self, what: str) -> str:
        compare = self.congruence
        return titles.of_comparison(
            what,
            titles.of_layer(self.layer, self.side),
            layer_norm=compare.applies_layer_norm(self._in_view, self.side),
            angle=angle(self.model.unembedding, compare.x, compare.y) if compare.contrast else None,
        )

    def _draw_scatter(self, _: pd.DataFrame) -> hv.Overlay:
        x, y = self.axes
        return scatter(self.neurons, x, y, self._comparison_title(f"{y} against {x}"))

    def _draw_strip(self, _: pd.DataFrame) -> hv.Overlay:
        x, y = self.axes
        return strip(self.neurons, x, y, self._comparison_title(f"{y} − {x}"))

    def _draw_heatmap(self, clustering: Clustering) -> hv.Image:
        n = len(clustering.names)
        where = titles.of_layer(self.layer, self.side)
        title = titles.of_similarity(where, n, len(self._similarity))
        return heatmap(self._similarity, n, title)

    def _draw_dendrogram(self, clustering: Clustering) -> hv.Segments:
        return dendrogram(tree_segments(clustering), len(clustering.names))

    @property
    def heading(self) -> str:
        """What the top-k tables are headed with."""
        if self._ranking is None:
            return "What the selected neurons read"
        return titles.of_ranking(
            titles.of_layer(self.layer, self._reading_side),
            self._ranking.k,
            len(self._ranking.items),
            layer_norm=self.congruence.layer_norm and self.model.normalization is not None,
        )

    def _make_views(self) -> None:
        """Make the views; they draw when they are shown."""
        compared, clustered = self.param._compared, self.param._clustered
        # The least height is what a view has alone, in a notebook.
        responsive = {"sizing_mode": "stretch_both", "min_height": LEAST_HEIGHT}

        def linked(draw: Any, follows: param.Parameter, hooked: Any, **layout: Any) -> LinkedPane:
            plot = hv.DynamicMap(pn.bind(draw, follows)).opts(hooked)
            return LinkedPane(plot, [self._hub, self._cells], **layout)

        self.scatter = linked(
            self._draw_scatter,
            compared,
            hv.opts.Scatter(hooks=[draw_points(self._hub, "congruence", "x", "y"), looks.tidy]),
            **responsive,
        )
        self.strip = linked(
            self._draw_strip,
            compared,
            hv.opts.Scatter(
                hooks=[draw_points(self._hub, "difference", "difference", "jitter"), looks.tidy]
            ),
            sizing_mode="stretch_width",
            height=STRIP_HEIGHT,
        )
        self.heatmap = linked(
            self._draw_heatmap,
            clustered,
            hv.opts.Image(
                hooks=[select_blocks(self._hub, self._cells, "similarity"), looks.align, looks.tidy]
            ),
            **responsive,
        )
        self.dendrogram = linked(
            self._draw_dendrogram,
            clustered,
            hv.opts.Segments(hooks=[looks.tidy, looks.align]),
            sizing_mode="stretch_width",
            height=DENDROGRAM_HEIGHT,
        )
        self.top_k = Written(
            "top_k",
            self._hub,
            {"ranking": self._ranked},
            fills=("top_k",),
            stylesheets=[page.TABLES_CSS],
            sizing_mode="stretch_width",
            height=245,
            margin=(0, 10),
        )
        self.count = Written("count", self._hub, styles=page.LINE, margin=(2, 10))

    @property
    def status(self) -> pn.Row:
        """Which model is in view, how its weights were processed, and how many are selected."""
        model = page.caption(pn.bind(titles.of_model, self.param.model), flex="1")
        return pn.Row(model, self.count, sizing_mode="stretch_width", styles=page.LINE)

    def controls(self, toolkit: Any) -> pn.Column:
        """Return the widgets of a toolkit for all options."""
        return controls(toolkit, self, self.congruence, self.clustering, self.ranking)

    def downloads(self, toolkit: Any) -> pn.Column:
        """Return a choice of files to take away, and the button for it."""
        return downloads(toolkit, self, lambda: snapshot.of(self))

    @property
    def board(self) -> pn.Column:
        """All views, arranged."""
        heading = page.caption(pn.bind(lambda _: self.heading, self.param.neurons))
        return page.board(
            self.scatter, self.strip, self.dendrogram, self.heatmap, heading, self.top_k
        )

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


def _offer(parameter: param.Selector, choices: list[Any], default: Any) -> None:
    """Give a parameter its choices; its value stays if it is among them."""
    owner, name = parameter.owner, parameter.name
    value = getattr(owner, name)
    parameter.objects = choices
    # Set in any case: a widget that lost its choice has taken the first one.
    setattr(owner, name, value if value in choices else default)


def _choose(owner: param.Parameterized, **options: Any) -> None:
    """Set those options that are not None.

    Raises:
        UnknownName: for a name or layer that is not among the choices.
        BadArgument: for another value that the option cannot have.
    """
    for name, value in options.items():
        if value is None:
            continue
        parameter = owner.param[name]
        choices = list(parameter.objects) if isinstance(parameter, param.Selector) else None
        if choices is not None and value not in choices:
            raise UnknownName(
                expected=f"{name} to be one of {listed(choices)}",
                got=shortened(value),
                do="Choose one of these.",
            )
        try:
            setattr(owner, name, value)
        except (TypeError, ValueError) as error:
            raise BadArgument(
                expected=f"an option that fits: {parameter.doc}",
                got=f"{name}={shortened(value)}",
                do=str(error),
            ) from error
