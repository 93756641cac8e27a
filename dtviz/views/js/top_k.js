// Lists the items that each selected neuron answers to most and least.
// Args: neurons (the hub), ranking (a source: neuron, its row in the hub, item and value, 2k rows for
// each neuron that is listed, k from the greatest and k from the least), sets (of neurons), top_k (the
// source to fill), output (a Div). Uses choose.js, listing.js and write.js.
const MOST_NEURONS = 12
const FIRST_NEURONS = 5 // as many as a usual window shows
const {name, difference} = neurons.data
const {item, value} = ranking.data
const {at: first, k} = places(ranking)
// While a larger layer gives way to a smaller one, rows can be selected that are gone.
const rows = neurons.selected.indices.filter((row) => row < name.length).sort((a, b) => Math.abs(difference[b]) - Math.abs(difference[a]))
const listed = rows.filter((row) => first.has(row))

const size = listed.length * 2 * k
const [names, ends, items] = [new Array(size), new Array(size), new Array(size)]
const [ranks, values] = [new Int32Array(size), new Float32Array(size)]
let at = 0
for (const row of listed) {
  const start = first.get(row)
  for (let j = 0; j < 2 * k; j++, at++) {
    names[at] = name[row]
    ends[at] = j < k ? "top" : "bottom"
    ranks[at] = j < k ? j + 1 : j - k + 1
    items[at] = item[start + j]
    values[at] = value[start + j]
  }
}
// By hand: of data given as a whole, Bokeh looks through every value for models.
Object.assign(top_k.data, {name: names, end: ends, rank: ranks, item: items, value: values})
top_k.properties.data.change.emit()

const largest = Math.max(...listed.slice(0, MOST_NEURONS).flatMap(
  (row) => [value[first.get(row)], value[first.get(row) + k]].map(Math.abs)), 1e-9)
const colours = (name) => sets.data.name.flatMap((_, set) =>
  sets.data.shown[set] && JSON.parse(sets.data.names[set]).includes(name) ? [sets.data.colour[set]] : [])
const dots = (name) => colours(name).map((colour) => `<span style="color: ${escaped(colour)}">●</span>`).join("")
const cell = (j) => {
  const share = (50 * Math.min(1, Math.abs(value[j]) / largest)).toFixed(0)
  const sign = value[j] < 0 ? "negative" : "positive"
  return `<td data-at="${j}" title="Select the neurons that list it here">${escaped(item[j])}</td><td class="${sign}" style="--share: ${share}%">${value[j].toFixed(2)}</td>`
}
// Of a vocabulary Python lists the selected neurons when it hears of them; in a file it is not there.
const has_python = neurons.document?.get_model_by_name("session")?.data.has_recipe[0]
const unlisted = has_python ? "…" : "not in this file: it lists the neurons that were selected when it was made"
const table = (row) => {
  const start = first.get(row)
  if (start == null) {
    return `<table><caption data-row="${row}">${dots(name[row])}${escaped(name[row])}</caption><tbody><tr><td class="unlisted">${unlisted}</td></tr></tbody></table>`
  }
  const lines = Array.from({length: k}, (_, j) => `<tr>${cell(start + j)}${cell(start + k + j)}</tr>`)
  return `<table><caption data-row="${row}" title="Select this neuron">${dots(name[row])}${escaped(name[row])}</caption>` +
    `<colgroup><col><col class="value"><col><col class="value"></colgroup>` +
    `<thead><tr><th colspan="2" scope="col">most</th><th colspan="2" scope="col">least</th></tr></thead>` +
    `<tbody>${lines.join("")}</tbody></table>`
}

if (rows.length === 0) {
  write(output, "<p>Nothing is selected. Draw a box or a lasso around neurons in the scatter, the " +
    "strip or the heatmap, or click one: what each of them answers to is listed here.</p>")
} else {
  const shown = rows.slice(0, MOST_NEURONS)
  const capped = shown.length < rows.length
    ? `<p>${shown.length} of ${rows.length} selected neurons shown, those of greatest difference.</p>` : ""
  const tables = shown.map(table)
  const page = (tables) =>
    `${capped}<div class="tables">${tables.map((table) => `<div class="card">${table}</div>`).join("")}</div>`
  const element = write(output, page(tables), page(tables.map((table, i) => i < FIRST_NEURONS ? table : "")))
  // A table is dear to lay out: those to scroll to are made when they come in sight.
  const inSight = new IntersectionObserver((entries) => {
    for (const {target, isIntersecting} of entries) {
      if (isIntersecting) {
        inSight.unobserve(target)
        target.innerHTML = tables[[...target.parentElement.children].indexOf(target)]
      }
    }
  })
  element?.querySelectorAll(".card:empty").forEach((card) => inSight.observe(card))
}

// A click on an item selects the neurons that list it at that end; one on a name, that neuron.
const shadow = Bokeh.index.find_one(output)?.shadow_el
if (shadow != null && shadow.dtviz !== neurons) {
  shadow.dtviz = neurons
  shadow.addEventListener("click", ({target}) => {
    const {at, row} = target.closest?.("[data-at], [data-row]")?.dataset ?? {}
    const {item} = ranking.data
    if (row != null) {
      choose(neurons, [Number(row)])
    } else if (at != null) {
      const {k} = places(ranking)
      choose(neurons, listing(ranking, item[at], at % (2 * k) < k))
    }
  })
}
