// Selects the points of the selected neurons. Args: neurons (the hub), points (a source whose column
// row tells each point's neuron).
const chosen = new Set(neurons.selected.indices)
const indices = []
points.data.row.forEach((row, i) => {
  if (chosen.has(row)) {
    indices.push(i)
  }
})
points.selected.indices = indices
