// Selects the branch whose line is clicked, or the cluster whose colour is. Args: neurons (the hub),
// tree (a source: the first and last leaf of what hangs on each line), lines (a source), figure.
// cb_obj: a "tap" event. Uses choose.js.
const REACH = 8 // pixels
const {column, distance, column_end, distance_end} = lines.data
const {first, last} = tree.data
const {x_scale, y_scale} = Bokeh.index.find_one(figure).frame
const {sx, sy} = cb_obj
const away = (at, from, to) => Math.max(Math.min(from, to) - at, at - Math.max(from, to), 0)
let [nearest, least] = [-1, REACH]
for (let i = 0; i < column.length; i++) {
  const gap = Math.hypot(
    away(sx, x_scale.compute(column[i]), x_scale.compute(column_end[i])),
    away(sy, y_scale.compute(distance[i]), y_scale.compute(distance_end[i])))
  if (gap < least) {
    [nearest, least] = [i, gap]
  }
}
choose(neurons, nearest < 0 ? [] : rows_between(neurons, first[nearest], last[nearest]))
