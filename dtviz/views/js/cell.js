// Names the neuron (or the neurons, where cells are averaged) of a heatmap row or column.
// Args: neurons (the hub), cells (a source: the leaf at which each cell begins, and n).
const {start} = cells.data
const n = start[start.length - 1]
const cell = Math.floor(value * (start.length - 1) / n)
const [first, last] = [start[cell], start[cell + 1] - 1]
const {leaf, name} = neurons.data
const first_name = name[leaf.indexOf(first)]
return first === last ? first_name : `${first_name} … ${name[leaf.indexOf(last)]} (${last - first + 1} averaged)`
