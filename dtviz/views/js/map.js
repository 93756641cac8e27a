// Colours each cell by the mean congruence of the selected neurons, or of all if none is selected.
// Args: neurons (the hub), reading (a source: value, a row of cells a neuron), cells (the source to
// fill), mapper (of colours), figure, what (the title's beginning).
const {value} = reading.data
const n = neurons.data.name.length
const features = cells.data.item.length
if (value.length !== n * features || n === 0) {
  return // the other half of an update is still to come
}
const {indices} = neurons.selected
const rows = indices.length > 0 ? indices.filter((row) => row < n) : [...Array(n).keys()]
const mean = new Float64Array(features)
for (const row of rows) {
  for (let i = 0; i < features; i++) {
    mean[i] += value[row * features + i] / rows.length
  }
}
const limit = mean.reduce((most, x) => Math.max(most, Math.abs(x)), 1e-9)
mapper.setv({low: -limit, high: limit})
cells.data.value = cells.data.color = mean
cells.change.emit()
const who = indices.length === 0 ? `mean of all ${n} neurons: select some to see theirs`
  : rows.length === 1 ? neurons.data.name[rows[0]] : `mean of the ${rows.length} selected`
figure.title.text = `${what} · ${who}`
