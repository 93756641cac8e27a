// Selects the neurons whose rows or columns a box, or a tap, on the heatmap covers.
// Args: neurons (the hub). cb_obj: a "selectiongeometry" event. Uses choose.js.
const {type, x0, x1, y0, y1, x, y} = cb_obj.geometry
const spans = type === "rect" ? [[x0, x1], [y0, y1]] : [[x, x], [y, y]]
const {leaf} = neurons.data
const covered = []
for (let i = 0; i < leaf.length; i++) {
  // Leaf p covers the cells from p to p + 1.
  if (spans.some(([a, b]) => leaf[i] + 1 > Math.min(a, b) && leaf[i] < Math.max(a, b) || Math.floor(a) === leaf[i])) {
    covered.push(i)
  }
}
if (cb_obj.final) {
  choose(neurons, covered)
}
