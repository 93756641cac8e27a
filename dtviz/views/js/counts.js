// Draws how often each item is among those listed for the selected neurons: upwards where a neuron
// answers to it most, downwards where least. Args: neurons (the hub), ranking (a source: neuron and
// item, 2k rows a neuron), bars (the source to fill), figure, axis (of the items' names), most (bars that fit),
// most_at_axis (characters of a name). Uses literal.js and listing.js.
const {item} = ranking.data
const n = neurons.data.name.length
const {at, k} = places(ranking)
const chosen = neurons.selected.indices.filter((row) => row < n)
const rows = chosen.filter((row) => at.has(row))
const listed = new Map()
for (const row of rows) {
  const first = at.get(row)
  for (let j = 0; j < 2 * k; j++) {
    const counts = listed.get(item[first + j]) ?? [0, 0]
    counts[j < k ? 0 : 1] += 1
    listed.set(item[first + j], counts)
  }
}
const ordered = [...listed].sort(([, [a, b]], [, [c, d]]) => c + d - a - b || c - a)
const shown = ordered.slice(0, most)
const drawn = shown.flatMap(([name, counts], place) => counts.flatMap((count, end) => count === 0 ? [] : [{
  left: place - 0.4, right: place + 0.4, bottom: 0, top: end === 0 ? count : -count,
  item: name, count, end: end === 0 ? "most" : "least",
}]))
const columns = ["left", "right", "bottom", "top", "item", "count", "end"]
const data = Object.fromEntries(columns.map((column) => [column, drawn.map((bar) => bar[column])]))
bars.data = {...data, color: data.end}
axis.ticker.ticks = shown.map((_, place) => place)
const tick = (name) => literal(name.length > most_at_axis ? `${name.slice(0, most_at_axis - 1)}…` : name)
axis.major_label_overrides = new Map(shown.map(([name], place) => [place, tick(name)]))
const greatest = Math.max(1, ...drawn.map(({count}) => count))
figure.x_range.setv({start: -0.6, end: Math.max(shown.length, 10) - 0.4})
figure.y_range.setv({start: drawn.some(({top}) => top < 0) ? -1.1 * greatest : 0, end: 1.1 * greatest})
const of = shown.length < ordered.length ? ` · ${shown.length} of ${ordered.length} items shown` : ""
const who = rows.length === chosen.length ? rows.length : `${rows.length} listed of ${chosen.length}`
figure.title.text = chosen.length === 0 ? "Select neurons: how often each item is listed for them is drawn here"
  : `How often each item is listed for the ${who} selected: most above, least below${of}`
