// The bar above the views: how gestures combine, search, undo, link, recipe, help.
// Args: neurons (the hub), session (a source: mode, elsewhere, undo, redo, recipe, message), output
// (a Div), notebook (whether keys count only while the pointer is over the views). Uses choose.js,
// search.js, keys.js, lost.js and write.js.
const MODES = {
  replace: "What you select replaces what was selected",
  add: "What you select is added (hold shift)",
  remove: "What you select is removed (hold alt)",
  intersect: "Only what is in both stays selected",
  toggle: "Each is selected if it was not, and the reverse (hold ctrl or cmd)",
}
const HELP = `<h2>Selecting</h2><dl>
<dt>drag, or the lasso in a toolbar</dt><dd>a box over points, or over a block of the heatmap</dd>
<dt>click</dt><dd>a point; a row and column of the heatmap; a line of the dendrogram for its branch, the colour below it for its cluster; a bar of Counts; a row of a table</dd>
<dt>shift, ctrl (cmd), alt</dt><dd>add, toggle, remove, whatever the bar says</dd>
<dt>Esc, or a click on empty ground</dt><dd>select nothing</dd>
</dl><h2>Keys</h2><dl>
<dt>← →</dt><dd>the neighbour in the heatmap; with shift, that one too</dd>
<dt>↑ ↓</dt><dd>the next by congruence, greater or less; with shift, that one too</dd>
<dt>+ −</dt><dd>grow to the branch around, shrink to the greatest branch within</dd>
<dt>ctrl Z, ctrl shift Z</dt><dd>undo, redo: selections and options</dd>
<dt>/</dt><dd>search: names, numbers of the layer in view, ranges (N10-N20), experts (E5), or a regular expression</dd>
<dt>?</dt><dd>this</dd></dl>`
const BAR = `<div class="bar" role="toolbar" aria-label="Selection">
<span class="modes" role="group" aria-label="How gestures combine">${Object.entries(MODES).map(([mode, tip]) =>
  `<button data-mode="${mode}" title="${tip}" aria-pressed="false">${mode}</button>`).join("")}</span>
<input type="search" aria-label="Find neurons" placeholder="Find: N1, N10-N20, …  ( / )" title="Names, numbers of the layer in view, ranges, experts (E5), or a regular expression; Enter selects" maxlength="100001">
<span class="found" role="status"></span>
<span class="said" role="status" aria-live="polite"></span>
<span class="problem" role="alert"></span>
<span class="ends">
<button data-ask="undo" title="Undo the last step: a selection or an option (ctrl Z)">↶ undo</button>
<button data-ask="redo" title="Take it again (ctrl shift Z)">↷ redo</button>
<button data-do="clear" title="Select nothing (Esc)">clear</button>
<button data-do="link" title="Copy the address of what you see, with the selection">link</button>
<button data-ask="recipe" title="A Python script that makes this view and selection again">recipe</button>
<button data-do="help" title="Gestures and keys ( ? )">?</button></span>
<dialog aria-label="Help">${HELP}<form method="dialog"><button>Close</button></form></dialog>
<dialog class="recipe" aria-label="Recipe"><pre tabindex="0"></pre><form method="dialog"><button type="button" data-do="copy">Copy</button> <button>Close</button></form></dialog>
</div>`

const view = Bokeh.index.find_one(output)
if (view?.markup_el == null) {
  return // not drawn yet
}
// What Python told just before it heard of a button that was pressed is older than that.
const STALE = 3000 // milliseconds
if (view.pressed != null && Date.now() - view.pressed.at < STALE) {
  session.data.mode[0] = view.pressed.mode
}
const page = neurons.document
if (view.markup_el.querySelector(".bar") == null) {
  write(output, BAR)
}
const part = (selector) => view.markup_el.querySelector(selector)
const say = (selector, text) => {
  if (part(selector).textContent !== text) {
    part(selector).textContent = text
  }
}

// Panel's own model of the address would make an entry in the browser's history of each step back.
function know_address(page) {
  const panel = [...page.all_models].find(({type}) => type.endsWith("location.Location"))
  panel?.setv({hash: location.hash}, {silent: true})
}

if (view.shadow_el.dtviz !== neurons) { // the first time
  view.shadow_el.dtviz = neurons
  const copy = async (text) => {
    try {
      await navigator.clipboard.writeText(text)
      say(".found", "copied")
    } catch {
      say(".problem", "the browser does not let the page copy: select the text, or take the address, by hand")
    }
  }
  const acts = {
    clear: () => clear(neurons),
    help: () => part("dialog").showModal(),
    link: () => copy(location.href),
    copy: () => copy(part("pre").textContent),
  }
  const act = ({target}) => {
    const {mode, ask: what, do: name} = target.closest?.("button")?.dataset ?? {}
    if (mode != null) {
      view.pressed = {mode, at: Date.now()}
      session.data = {...session.data, mode: [mode]}
      ask(page, "mode", mode)
    }
    if (what != null) {
      if (what === "recipe") {
        part("pre").textContent = session.data.recipe[0] || "…" // the same is not told again
        part("dialog.recipe").showModal()
      }
      ask(page, what)
    }
    acts[name]?.()
  }
  let searches = 0
  const search = async (selects) => {
    const text = part("input").value
    const mine = ++searches
    const {rows, problem} = await found(text, [...neurons.data.name])
    if (mine !== searches) {
      return // something else has been typed since
    }
    say(".problem", problem ?? "")
    say(".found", problem != null || text.trim() === "" ? "" : `${rows.length} of ${neurons.data.name.length} match`)
    if (selects && problem == null && rows.length > 0) {
      choose(neurons, rows)
    }
  }
  const shadow = view.shadow_el
  shadow.addEventListener("click", act)
  shadow.addEventListener("input", ({target}) => target.matches("input") && search(false))
  shadow.addEventListener("keydown", (event) => {
    if (event.target.matches("input")) {
      event.stopPropagation()
      if (event.key === "Enter") {
        search(true)
      } else if (event.key === "Escape") {
        event.target.blur()
      }
    }
  })
  const press = (event) => {
    if (Bokeh.index.find_one(output) !== view) {
      removeEventListener("keydown", press, {capture: true})
      return
    }
    const is_over = () => ["congruence", "difference", "similarity", "dendrogram"].some((name) => {
      const figure = page.get_model_by_name(name)
      return figure != null && Bokeh.index.find_one(figure)?.el.matches(":hover")
    })
    if ((!notebook || is_over()) && pressed(event, neurons, part("input"), part("dialog"))) {
      event.preventDefault()
      event.stopPropagation()
    }
  }
  addEventListener("keydown", press, {capture: true})
  // For what Python selects when one clicks it: rows of tables.
  const hold = () => {
    const held = held_mode()
    if (Bokeh.index.find_one(output) !== view) {
      removeEventListener("pointerdown", hold, {capture: true})
    } else if (held !== (view.held ?? null)) {
      view.held = held
      ask(page, "held", held)
    }
  }
  addEventListener("pointerdown", hold, {capture: true})
  if (session.data.has_recipe[0] && !notebook) { // a snapshot's script has an address of its own
    addEventListener("popstate", () => {
      clearTimeout(view.telling)
      know_address(page)
      view.wanted = location.hash
      ask(page, "address", location.hash)
    })
    if (location.hash !== "") {
      view.wanted = location.hash
      ask(page, "address", location.hash)
    }
    take_up(neurons)
    page.on_event("connection_lost", () => {
      view.lost ??= outlive(neurons)
      say(".problem", GONE)
    })
  }
}

// A step is an entry in the browser's history, once it rests; a step back is none. Until Python has
// heard of one back, what it tells is of before.
const {address: [address], wanted: [wanted], has_followed: [has_followed]} = session.data
if (address !== (view.told ?? "") && wanted === (view.wanted ?? "") && !notebook) {
  view.told = address
  clearTimeout(view.telling)
  view.telling = setTimeout(() => {
    if (address !== location.hash) {
      has_followed ? history.replaceState(null, "", address) : history.pushState(null, "", address)
      know_address(page)
    }
  }, 250)
}

const {mode, undo, redo, recipe, message, has_recipe} = session.data
for (const button of view.markup_el.querySelectorAll("[data-mode]")) {
  button.setAttribute("aria-pressed", String(button.dataset.mode === mode[0]))
}
part("[data-ask=undo]").disabled = !undo[0]
part("[data-ask=redo]").disabled = !redo[0]
part("[data-ask=recipe]").hidden = !has_recipe[0]
part("[data-do=link]").hidden = notebook // its address is not that of the explorer
if (part("dialog.recipe").open && recipe[0] !== "") {
  say("pre", recipe[0])
}
say(".problem", view.lost == null ? message[0] : GONE)
const away = elsewhere(page).length
const chosen = neurons.selected.indices.length
part(".said").classList.toggle("unseen", away === 0) // the header says it, too
say(".said", away > 0 ? `${chosen} selected here, ${away} in layers not in view` : `${chosen} selected`)
