// What keys do: step from neuron to neuron, grow and shrink along the dendrogram, undo, clear, help.
// Uses choose.js.

// What takes all keys itself, and what takes those that move and set.
const TYPING = "input:not([type=range], [type=checkbox], [type=radio], [type=color]), textarea, [contenteditable], dialog[open]"
const STEERED = "input, select, [role=slider], [role=listbox], [role=menu], [role=combobox]"

// Moves the selection to the next neuron in an order, or adds that one to it.
function step(neurons, column, by, adds) {
  const values = neurons.data[column]
  const order = [...values.keys()].sort((a, b) => values[a] - values[b])
  const places = new Map(order.map((row, place) => [row, place]))
  const chosen = neurons.selected.indices.map((row) => places.get(row)).sort((a, b) => a - b)
  const from = by > 0 ? chosen.at(-1) ?? -1 : chosen[0] ?? order.length
  const next = order[from + by]
  if (next != null) {
    choose(neurons, [next], adds ? "add" : "replace")
  }
}

// Selects the smallest branch with more than the selected neurons, or the largest with fewer.
function branch(neurons, grows) {
  const tree = neurons.document.get_model_by_name("tree")
  const {leaf} = neurons.data
  const leaves = new Set(neurons.selected.indices.map((row) => leaf[row]))
  if (tree == null || leaves.size === 0) {
    return
  }
  const {first, last} = tree.data
  // How many selected leaves there are before each one.
  const before = [0]
  for (let i = 0; i < leaf.length; i++) {
    before.push(before[i] + (leaves.has(i) ? 1 : 0))
  }
  let best = null
  for (let i = 0; i < first.length; i++) {
    const size = last[i] - first[i] + 1
    const inside = before[last[i] + 1] - before[first[i]]
    const fits = grows ? inside === leaves.size && size > inside : inside === size && size < leaves.size
    if (fits && (best == null || (grows ? size < best.size : size > best.size))) {
      best = {size, from: first[i], to: last[i]}
    }
  }
  if (best != null) {
    choose(neurons, rows_between(neurons, best.from, best.to), "replace")
  }
}

// Selects nothing, in no layer.
function clear(neurons) {
  choose_names(neurons, [], "replace")
}

// Returns whether a key was meant for the explorer. Args: search (an element), help (a dialog).
function pressed(event, neurons, search, help) {
  const within = (selector) => event.composedPath().some((element) => element.matches?.(selector))
  if (within(TYPING) || within(STEERED) && /^(Arrow.*|[-+=])$/.test(event.key)) {
    return false
  }
  const {key, shiftKey, ctrlKey, metaKey, altKey} = event
  const page = neurons.document
  if (ctrlKey || metaKey) {
    const lower = key.toLowerCase()
    if (lower !== "z" && lower !== "y") {
      return false
    }
    ask(page, lower === "y" || shiftKey ? "redo" : "undo")
    return true
  }
  if (altKey) {
    return false
  }
  const actions = {
    Escape: () => clear(neurons),
    ArrowRight: () => step(neurons, "leaf", 1, shiftKey),
    ArrowLeft: () => step(neurons, "leaf", -1, shiftKey),
    ArrowUp: () => step(neurons, "difference", 1, shiftKey),
    ArrowDown: () => step(neurons, "difference", -1, shiftKey),
    "+": () => branch(neurons, true),
    "=": () => branch(neurons, true),
    "-": () => branch(neurons, false),
    "/": () => search.focus(),
    "?": () => help.showModal(),
  }
  actions[key]?.()
  return key in actions
}
