// Marks the rows and columns of the sets that are shown at the heatmap's left and upper edge.
// Args: neurons (the hub), sets (a source), marks (the source to fill).
const {name, leaf} = neurons.data
const n = name.length
const at = new Map(name.map((one, row) => [one, leaf[row]]))
const [width, least] = [n * 0.012, n / 300]
const data = {left: [], right: [], bottom: [], top: [], colour: []}
const mark = (left, right, bottom, top, colour) =>
  Object.entries({left, right, bottom, top, colour}).forEach(([column, value]) => data[column].push(value))
let depth = 0
sets.data.name.forEach((_, set) => {
  if (sets.data.shown[set]) {
    for (const member of JSON.parse(sets.data.names[set])) {
      if (at.has(member)) {
        const [from, to] = [at.get(member), at.get(member) + Math.max(1, least)]
        mark(depth * width, (depth + 1) * width, from, to, sets.data.colour[set])
        mark(from, to, depth * width, (depth + 1) * width, sets.data.colour[set])
      }
    }
    depth += 1
  }
})
if (data.left.length > 0 || marks.data.left.length > 0) {
  marks.data = data
}
