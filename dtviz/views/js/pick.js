// Selects the neurons of the points that a gesture selected. Args: neurons (the hub), points (a
// source whose column row tells each point's neuron, or -1), run (what marks the points of the
// selected neurons). cb_obj: a "selectiongeometry" event. Uses choose.js.
const {row} = points.data
if (cb_obj.final && row.some((neuron) => neuron >= 0)) {
  choose(neurons, points.selected.indices.map((i) => row[i]).filter((neuron) => neuron >= 0))
  run.execute(neurons)
}
