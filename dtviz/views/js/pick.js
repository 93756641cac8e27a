// Selects the neurons of the points that a gesture selected. Args: neurons (the hub), points (a
// source whose column row tells each point's neuron, or -1). cb_obj: a "selectiongeometry" event.
const {row} = points.data
if (cb_obj.final && row.some((neuron) => neuron >= 0)) {
  const chosen = new Set(points.selected.indices.map((i) => row[i]).filter((neuron) => neuron >= 0))
  neurons.selected.indices = [...chosen].sort((a, b) => a - b)
}
