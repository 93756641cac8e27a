// Lists the items that each selected neuron answers to most and least.
// Args: neurons (the hub), ranking (a source: item and value, 2k rows a neuron in the hub's order,
// k from the greatest and k from the least), top_k (the source to fill), output (a Div). Uses
// write.js.
const MOST_NEURONS = 12
const {name, difference} = neurons.data
const {item, value} = ranking.data
const k = item.length / (2 * name.length)
if (!Number.isInteger(k)) {
  return // the other half of an update is still to come
}
// While a larger layer gives way to a smaller one, rows can be selected that are gone.
const rows = neurons.selected.indices.filter((row) => row < name.length).sort((a, b) => Math.abs(difference[b]) - Math.abs(difference[a]))

const listed = {name: [], end: [], rank: [], item: [], value: []}
for (const row of rows) {
  for (let j = 0; j < 2 * k; j++) {
    listed.name.push(name[row])
    listed.end.push(j < k ? "top" : "bottom")
    listed.rank.push(j % k + 1)
    listed.item.push(item[row * 2 * k + j])
    listed.value.push(value[row * 2 * k + j])
  }
}
top_k.data = listed

const escaped = (text) => {
  const element = document.createElement("span")
  element.textContent = text
  return element.innerHTML
}
const largest = Math.max(...rows.slice(0, MOST_NEURONS).flatMap(
  (row) => [value[row * 2 * k], value[row * 2 * k + k]].map(Math.abs)), 1e-9)
const cell = (j) => {
  const share = (50 * Math.min(1, Math.abs(value[j]) / largest)).toFixed(0)
  const sign = value[j] < 0 ? "negative" : "positive"
  return `<td>${escaped(item[j])}</td><td class="${sign}" style="--share: ${share}%">${value[j].toFixed(2)}</td>`
}
const table = (row) => {
  const start = row * 2 * k
  const lines = Array.from({length: k}, (_, j) => `<tr>${cell(start + j)}${cell(start + k + j)}</tr>`)
  return `<div class="card"><table><caption>${escaped(name[row])}</caption>` +
    `<colgroup><col><col class="value"><col><col class="value"></colgroup>` +
    `<thead><tr><th colspan="2" scope="col">most</th><th colspan="2" scope="col">least</th></tr></thead>` +
    `<tbody>${lines.join("")}</tbody></table></div>`
}

if (k === 0) {
  write(output, "<p>This model has no input features to list.</p>")
} else if (rows.length === 0) {
  write(output, "<p>Nothing is selected. Draw a box or a lasso around neurons in the scatter, the " +
    "strip or the heatmap, or click one: what each of them answers to is listed here.</p>")
} else {
  const capped = rows.length > MOST_NEURONS
    ? `<p>${MOST_NEURONS} of ${rows.length} selected neurons shown, those of greatest difference.</p>` : ""
  write(output, `${capped}<div class="tables">${rows.slice(0, MOST_NEURONS).map(table).join("")}</div>`)
}
