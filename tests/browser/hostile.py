"""Names that nobody vouches for, in every place that a name comes from, and what sees them run."""

import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from playwright.sync_api import Page

from dtviz.checkpoints.partitioned import ABOUT, ITEMS, NEURONS, about, vectors
from dtviz.directions import Directions
from dtviz.model import Model
from dtviz.sets import MOST_CHARACTERS, Sets

# What a browser takes for markup, in each place that a text can stand in; then what libraries take
# for templates, TeX, icons and scripts, and what is a property of all objects in JavaScript.
# {w} is where the name is; of what becomes an element, a browser asks for its image.
_FORMS = (
    '<img/src="/planted/{w}"/onerror="ran(1)">',
    '</script><script>ran("{w}")</script>',
    '"><svg onload=ran(3)><image href=/planted/{w}></svg>',
    "' onmouseover='ran(4)' onfocus='ran(4)' autofocus x='{w}",
    "</title></textarea></style></option></select><x-planted>{w}</x-planted>",
    "&lt;img src=/planted/{w} onerror=ran(6)&gt;",
    "&amp;lt;x-planted&amp;gt;{w}",
    "<b>{w}</b> & <!-- --!><i>",
    '<a href="javascript:ran(9)">{w}</a>',
    "javascript:ran(10)//{w}",
    "{{{{ran(11)}}}} ${{ran(11)}} <%= ran(11) %> #{{ran(11)}} {w}",
    "$$\\href{{javascript:ran(12)}}{{{w}}}$$",
    "\\(x\\) \\[y\\] {w}",
    "@name{{custom}} @{{x}} $index %s %(x)s @image{{safe}} {w}",
    ":material/home: :material/lock@color=red: {w}",
    "--x_x--0_0--ran('{w}')--x_x--0_0--",
    "{w}.a.b[0]",
    "שלום עולם 🙂 {w}",
)
# What a file can be called: the first comes first in a folder.
FILES = [
    "!<img src=planted onerror=ran(1)>",
    '"><svg onload=ran(3)>',
    "' onmouseover='ran(4)' onfocus='ran(4)' autofocus x='",
    "&lt;x-planted&gt;",
    "<x-planted>",
    "{{ran(11)}} ${ran(11)} $$x$$ @name{custom}",
    "--x_x--0_0--ran(1)--x_x--0_0--",
]
# What would be mistaken for a column of a table, or for a property that every object has.
PROPERTIES = ["__proto__", "constructor", "toString", "name", "index", "_index", "level_0", ""]
LONG = "long " * 2_000


def names(where: str) -> list[str]:
    """One name of each form, of which it can be told where it was."""
    return [form.format(w=where) for form in _FORMS]


def one(where: str) -> str:
    """A name of all forms of markup at once."""
    return " ".join(names(where)[:8])


def model(layers: int = 2) -> Model:
    """A model each name and each text of which is hostile; it has all that a model can have."""
    random = np.random.default_rng(0)

    def rows(called: Iterable[str], label: str) -> Directions:
        called = list(called)
        return Directions(random.normal(size=(len(called), 12)), called, one(label))

    actions = [*names("action"), *PROPERTIES, LONG]
    features = [
        f"{channel}, ({x},{y})"
        for channel in [*names("feature"), *PROPERTIES]
        for x in range(2)
        for y in range(2)
    ]
    return Model(
        name=one("model"),
        weights={
            side: [random.normal(size=(40, 12)) for _ in range(layers)]
            for side in ("out", "in", "gate")
        },
        unembedding=rows(actions, "W_U"),
        unembedding_bias=random.normal(size=len(actions)),
        embedding=rows(features, "W_E"),
        rtg=rows([one("return")], "RTG"),
        action_embedding=rows(names("action embedding"), "A"),
        time_embedding=rows(names("time embedding"), "T"),
        processing=one("processing"),
        sha256=one("sha256"),
        source=one("source"),
        notes=tuple(names("note")),
    )


def write(folder: Path) -> None:
    """Write the model as a folder that `dtviz.load` opens."""
    made = model()
    folder.mkdir()
    (folder / ABOUT).write_text(json.dumps(about(made)))
    for item in ITEMS:
        found = getattr(made, item)
        columns = {"name": found.names, "vector": vectors(found.vectors)}
        if item == "unembedding":
            columns["bias"] = made.unembedding_bias
        pq.write_table(pa.table(columns), folder / f"{item}.parquet")
    for layer in range(made.n_layers):
        part = folder / NEURONS / f"layer={layer}"
        part.mkdir(parents=True)
        columns = {"name": made.neurons(layer).names}
        columns |= {side: vectors(made.weights[side][layer]) for side in made.sides}
        pq.write_table(pa.table(columns), part / "part-00000.parquet")


def sets(of: Model) -> Sets:
    """Sets each name and note of which is hostile."""
    kept = Sets()
    for name in names("set"):
        kept.save(name[:MOST_CHARACTERS], of.neurons("all").names[:3], note=one("note of a set"))
    return kept


def sets_file() -> bytes:
    """A file of sets of another model; all that it says is hostile."""
    items = [
        {"name": name[:MOST_CHARACTERS], "names": [one("neuron"), "L1N7"], "note": name}
        | {"colour": "#123456"}
        for name in names("set in a file")
    ]
    header = {key: one(f"{key} of a file") for key in ("model", "sha256", "processing")}
    return json.dumps({"dtviz": "neuron sets", "version": 1, **header, "sets": items}).encode()


# Begins before all else in a page; what it hears is in ``window.planted``.
_EARS = """
window.planted = []
window.ran = (what) => { planted.push(`ran: ${what}`) }
customElements.define("x-planted", class extends HTMLElement {
  connectedCallback() { planted.push(`element: ${this.outerHTML}`) }
})
addEventListener("securitypolicyviolation", (event) => {
  planted.push(`forbidden: ${event.violatedDirective} ${event.blockedURI} ${event.sample}`)
})
// What stands in the page now that no library makes of itself, shadow roots included.
const ADDRESSES = ["href", "xlink:href", "src", "srcdoc", "action", "formaction", "data"]
window.strange = (root) => [...root.querySelectorAll("*")].flatMap((element) => [
  ...element.shadowRoot == null ? [] : strange(element.shadowRoot),
  ...[...element.attributes].some(({name, value}) =>
      name.startsWith("on") ||
      ADDRESSES.includes(name) && /planted|^\\W*javascript:/i.test(value)) ||
    element.matches("x-planted, mjx-container, iframe, object, embed, base")
    ? [element.outerHTML.slice(0, 300)] : [],
])
"""


class Watch:
    """Sees what a page makes of names, from before it is opened.

    Args:
        page: the page.
        within: of the page, what is dtviz's.
    """

    def __init__(self, page: Page, within: str = "html") -> None:
        self._page, self._within = page, within
        self._requests: list[str] = []
        page.add_init_script(_EARS)
        page.on("request", lambda request: self._note(request.url))

    def _note(self, url: str) -> None:
        if "planted" in url or "mathjax" in url.lower():
            self._requests.append(url)

    def assert_nothing(self) -> None:
        """Of no name an element was made, and no part of one ran."""
        found = self._page.evaluate(
            """(within) =>
              [...planted, ...[...document.querySelectorAll(within)].flatMap(strange)]""",
            self._within,
        )
        seen = [*found, *self._requests]
        assert not seen, seen
