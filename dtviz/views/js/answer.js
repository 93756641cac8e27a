// Names the neurons that answer most, and least, to the cells that are chosen on the map.
// Args: neurons (the hub), reading (a source: value, a row of cells a neuron), cells, note (a title).
// Uses literal.js.
const {item} = cells.data
const {name} = neurons.data
const chosen = cells.selected.indices
const mean = [...name.keys()].map((row) =>
  chosen.reduce((sum, i) => sum + reading.data.value[row * item.length + i], 0) / chosen.length)
const order = [...name.keys()].sort((a, b) => mean[b] - mean[a])
const listed = (rows) => rows.map((row) => `${name[row]} ${mean[row].toFixed(2)}`).join(", ")
const what = chosen.length === 1 ? item[chosen[0]] : `mean of ${chosen.length} cells`
note.text = chosen.length === 0 ? "Click a cell, or draw a box over several: the neurons that answer to it most are named here."
  : literal(`${what} · most: ${listed(order.slice(0, 7))} · least: ${listed(order.slice(-4).reverse())}`)
