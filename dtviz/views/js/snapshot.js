// Runs a snapshot: shows the board of a layer, keeps the selection by name from layer to layer, answers
// what the bar asks for where Python does elsewhere, and turns the page light or dark.
const {Document} = Bokeh.require("document")
const MOST_STEPS = 200
const boards = [...document.querySelectorAll("script.board")]
const about = JSON.parse(document.getElementById("about").textContent)
const root = document.documentElement
let shown = null
let selected = about.selected
const [past, future] = [[], []]
let is_restoring = false

// The colours and sizes that the served page's theme gives to figures.
function restyle() {
  const dark = root.classList.contains("dark")
  const [paper, text] = dark ? ["#121212", "#ffffff"] : ["#ffffff", "rgba(0, 0, 0, 0.87)"]
  const muted = dark ? "rgba(255, 255, 255, 0.7)" : "rgba(0, 0, 0, 0.6)"
  const styles = {
    Axis: {
      axis_line_alpha: 0, major_tick_line_alpha: 0, minor_tick_line_alpha: 0,
      major_label_text_color: muted, major_label_text_font_size: "0.925em",
      axis_label_text_color: text, axis_label_text_font_size: "1em",
      axis_label_text_font_style: "normal", axis_label_standoff: 12,
    },
    Title: {text_color: text, text_font_size: "1.05em", text_font_style: "normal"},
    Grid: {grid_line_color: dark ? "rgba(255, 255, 255, 0.12)" : "rgba(0, 0, 0, 0.1)"},
    ColorBar: {
      background_fill_alpha: 0, major_tick_line_alpha: 0, bar_line_alpha: 0,
      major_label_text_color: muted, major_label_text_font_size: "0.9em",
      title_text_color: text, title_text_font_size: "0.95em", title_text_font_style: "normal",
    },
    Figure: {background_fill_color: paper, border_fill_color: paper, outline_line_color: null},
  }
  for (const model of shown?.all_models ?? []) {
    const kind = Object.keys(styles).find((kind) => model.type.endsWith(kind))
    if (kind != null && !(kind === "Grid" && model.grid_line_color == null)) {
      model.setv(styles[kind])
    }
  }
}

// The named sets are kept in this browser, where it lets a page keep something.
const KEPT = `dtviz sets ${about.sha256 ?? about.model}`
function kept(data) {
  try {
    if (data != null) {
      localStorage.setItem(KEPT, JSON.stringify(data))
    }
    return JSON.parse(localStorage.getItem(KEPT))
  } catch {
    return data ?? null
  }
}
let sets_shown = kept()

// The selection and the layer, as the end of the address: see link.py.
const LITERAL = /^("|(true|false|null|-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?)$)/
const written = (text) => encodeURIComponent(LITERAL.test(text) || text === "" ? JSON.stringify(text) : text)
function read(text) {
  const plain = decodeURIComponent(text)
  return plain.startsWith('"') ? JSON.parse(plain) : plain
}
function stated() {
  const hash = location.hash.slice(1)
  const parts = new Map(hash.split("&").map((part) => part.split("=")))
  try {
    const layer = parts.has("layer") ? decodeURIComponent(parts.get("layer")) : null
    const select = parts.get("select")
    const names = select == null ? null : select === "" ? [] : select.split(",").map(read)
    const known = new Set(about.names)
    const problem = hash !== "" && layer == null && names == null ? "The address names no layer and no neurons"
      : layer != null && !boards.some(({dataset}) => dataset.layer === layer) ? "The address names a layer that is not in this file"
      : names?.some((name) => !known.has(name)) ? "The address names neurons that are not in this model" : ""
    return {layer, names, problem}
  } catch {
    return {problem: "The address cannot be read"}
  }
}
// A step is an entry in the browser's history; the address of what is shown anyhow is none.
function state_it(is_step = true) {
  const layer = boards.find(({dataset}) => dataset.label === shown_label)?.dataset.layer
  const hash = `#layer=${layer}&select=${selected.map(written).join(",")}`
  if (hash !== location.hash && hash.length <= 100_000) {
    is_step ? history.pushState(null, "", hash) : history.replaceState(null, "", hash)
  }
}

const part = (name) => shown.get_model_by_name(name)
const same = (a, b) => a.length === b.length && new Set([...a, ...b]).size === a.length

// Tells the bar what there is to undo, and what is selected in other layers.
function tell(message = "") {
  const {name} = part("neurons").data
  const here = new Set(name)
  const away = selected.filter((one) => !here.has(one))
  const session = part("session")
  session.data = {
    ...session.data, elsewhere: [JSON.stringify(away)], message: [message],
    undo: [past.length > 0], redo: [future.length > 0],
  }
}

function select(names, is_step = true) {
  selected = names
  const {name} = part("neurons").data
  const chosen = new Set(names)
  is_restoring = true
  part("neurons").selected.indices = [...name.keys()].filter((i) => chosen.has(name[i]))
  is_restoring = false
  tell()
  state_it(is_step)
}

// Makes a step to what is selected now, in view and elsewhere.
function step(names) {
  if (is_restoring || same(names, selected)) {
    return
  }
  past.push(selected)
  past.splice(0, past.length - MOST_STEPS)
  future.length = 0
  selected = names
  tell()
  state_it()
}

// Takes in the sets of a file; what is no such file is said, and changes nothing.
function take_in(text) {
  let file = null
  try {
    file = JSON.parse(text)
  } catch {
    return "That file is no JSON: choose a file of sets that dtviz wrote."
  }
  const is_text = (value) => typeof value === "string"
  if (file?.dtviz !== "neuron sets" || file.version !== 1 || !Array.isArray(file.sets) || !file.sets.every((set) =>
    is_text(set?.name) && set.name.trim() !== "" && set.name.length <= 80 && is_text(set.note) &&
    /^#[0-9a-f]{6}$/i.test(set.colour) && Array.isArray(set.names) && set.names.every(is_text))) {
    return "That file holds no neuron sets of this version: choose one that dtviz wrote."
  }
  const sets = part("sets")
  const columns = ["name", "note", "colour", "names", "shown"]
  const all = new Map(sets.data.name.map((name, i) => [name, columns.map((column) => sets.data[column][i])]))
  const known = new Set(about.names)
  const missing = new Set()
  for (const {name, note, colour, names} of file.sets) {
    names.filter((one) => !known.has(one)).forEach((one) => missing.add(one))
    all.set(name, [name, note, colour, JSON.stringify([...new Set(names)].filter((one) => known.has(one))), true])
  }
  sets.data = Object.fromEntries(columns.map((column, i) => [column, [...all.values()].map((row) => row[i])]))
  const named = [...missing].slice(0, 10).join(", ") + (missing.size > 10 ? ` and ${missing.size - 10} more` : "")
  return [
    file.sha256 === about.sha256 ? "" : `The sets were made with another checkpoint, ${file.model}.`,
    missing.size === 0 ? "" : `Neurons that this model does not have were left out: ${named}.`,
  ].join(" ").trim()
}

function answer([what, given]) {
  const [from, to] = what === "undo" ? [past, future] : [future, past]
  if ((what === "undo" || what === "redo") && from.length > 0) {
    to.push(selected)
    select(from.pop())
  } else if (what === "names") {
    step(given)
  } else if (what === "read") {
    tell(take_in(given))
  }
}

let shown_label = null
async function show(label, is_step = true) {
  const board = boards.find(({dataset}) => dataset.label === label)
  shown?.clear()
  Bokeh.documents.length = 0
  shown = Document.from_json(JSON.parse(board.textContent))
  shown_label = label
  const sets = part("sets")
  if (sets_shown != null) {
    sets.data = sets_shown
  }
  sets.properties.data.change.connect(() => sets_shown = kept(sets.data) ?? sets.data)
  select(selected, is_step)
  part("neurons").selected.properties.indices.change.connect(() => {
    const {data: {name}, selected: {indices}} = part("neurons")
    step([...JSON.parse(part("session").data.elsewhere[0]), ...indices.map((i) => name[i])])
  })
  part("session").properties.tags.change.connect(() => answer(part("session").tags.at(-1)))
  restyle()
  const elements = shown.roots().map(({name}) => document.getElementById(name))
  await Bokeh.embed.add_document_standalone(shown, elements[0], elements)
}

// Shows what the address says; what does not fit is told, and changes nothing.
async function obey() {
  const {layer, names, problem} = stated()
  const chooser = document.getElementById("layer")
  const board = problem === "" ? boards.find(({dataset}) => dataset.layer === layer) : null
  const label = board?.dataset.label ?? shown_label ?? chooser?.value ?? boards[0].dataset.label
  const wanted = problem === "" && names != null ? names : selected
  if (shown != null && !same(wanted, selected)) {
    past.push(selected)
    future.length = 0
  }
  if (label !== shown_label) {
    selected = wanted
    if (chooser != null) {
      chooser.value = label
    }
    await show(label, false)
  } else {
    select(wanted, false)
  }
  if (problem !== "") {
    tell(`${problem}: all stays as it was.`)
  }
}

document.getElementById("theme").addEventListener("click", () => {
  root.classList.toggle("dark")
  restyle()
})
document.getElementById("layer")?.addEventListener("change", (event) => show(event.target.value))
addEventListener("hashchange", obey)
root.classList.toggle("dark", matchMedia("(prefers-color-scheme: dark)").matches)
obey()
