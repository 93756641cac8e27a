// What a gesture makes of the selection; every script of a gesture begins with this.

// The keys held when the pointer or a key was last pressed, or the pointer released; and whether the
// pointer is pressed.
if (window.dtvizKeys == null) {
  window.dtvizKeys = {}
  const note = ({type, shiftKey, ctrlKey, metaKey, altKey}) => {
    const pointer = type === "keydown" ? window.dtvizKeys.pointer : type === "pointerdown"
    window.dtvizKeys = {shift: shiftKey, ctrl: ctrlKey || metaKey, alt: altKey, pointer}
  }
  for (const type of ["pointerdown", "pointerup", "pointercancel", "keydown"]) {
    addEventListener(type, note, {capture: true})
  }
}

// Returns the mode that the keys ask for, or null.
function held_mode() {
  const {shift, ctrl, alt} = window.dtvizKeys
  return shift ? "add" : ctrl ? "toggle" : alt ? "remove" : null
}

// Returns the mode that the keys ask for, or else the page's buttons.
function mode_of(page) {
  return held_mode() ?? page.get_model_by_name("session")?.data.mode[0] ?? "replace"
}

// Returns what a mode makes of what is selected and what is given.
function combined(selected, given, mode) {
  const [before, now] = [new Set(selected), new Set(given)]
  switch (mode) {
    case "add": return new Set([...before, ...now])
    case "remove": return new Set([...before].filter((one) => !now.has(one)))
    case "intersect": return new Set([...before].filter((one) => now.has(one)))
    case "toggle": return new Set([
      ...[...before].filter((one) => !now.has(one)), ...[...now].filter((one) => !before.has(one))])
    default: return now
  }
}

// Selects rows of the hub.
function choose(neurons, rows, mode = mode_of(neurons.document)) {
  const chosen = combined(neurons.selected.indices, rows, mode)
  neurons.selected.indices = [...chosen].sort((a, b) => a - b)
}

// The rows whose leaves are from first to last.
function rows_between(neurons, first, last) {
  const {leaf} = neurons.data
  return [...leaf.keys()].filter((row) => leaf[row] >= first && leaf[row] <= last)
}

// The names of the neurons that are selected in layers that are not in view.
function elsewhere(page) {
  return JSON.parse(page.get_model_by_name("session")?.data.elsewhere[0] ?? "[]")
}

// The names of all neurons that are selected.
function selected_names(neurons) {
  return [...elsewhere(neurons.document), ...neurons.selected.indices.map((i) => neurons.data.name[i])]
}

// Asks whoever is at home, Python or the snapshot's script, for what the page cannot do alone. Of
// what changes fast Python hears only the last: so what was asked just before is told again.
const TOLD_AGAIN = 10_000 // milliseconds
function ask(page, what, given = null) {
  const session = page.get_model_by_name("session")
  if (session != null) {
    const now = Date.now()
    const recent = session.tags.filter(([, , , at]) => now - at < TOLD_AGAIN)
    session.tags = [...recent, [what, given, `${now} ${Math.random()}`, now]]
  }
}

// Selects neurons by name, of whatever layers: in one step, so all are told together.
function choose_names(neurons, names, mode = mode_of(neurons.document)) {
  const page = neurons.document
  const at = new Map(neurons.data.name.map((name, row) => [name, row]))
  const here = names.flatMap((name) => at.has(name) ? [at.get(name)] : [])
  const rows = [...combined(neurons.selected.indices, here, mode)].sort((a, b) => a - b)
  const away = [...combined(elsewhere(page), names.filter((name) => !at.has(name)), mode)]
  if (away.length > 0 || elsewhere(page).length > 0) {
    ask(page, "names", [...away, ...rows.map((row) => neurons.data.name[row])])
  }
  neurons.selected.indices = rows
}
