// Selects the neurons that list the item whose bar is clicked, at that end. Args: neurons (the hub),
// ranking (a source: neuron and item, 2k rows a neuron), bars. cb_obj: a "tap" event. Uses choose.js and
// listing.js.
const {x, y} = cb_obj
const {left, right, bottom, top, item, end} = bars.data
const bar = [...item.keys()].find((i) =>
  x >= left[i] && x <= right[i] && y >= Math.min(bottom[i], top[i]) && y <= Math.max(bottom[i], top[i]))
if (bar != null) {
  choose(neurons, listing(ranking, item[bar], end[bar] === "most"))
}
