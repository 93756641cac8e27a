// Rings the points of the neurons in the sets that are shown, in the sets' colours. Args: neurons (the
// hub), sets (a source), points (a source of one point a neuron, or of points whose column row tells
// theirs), x, y (its columns), rings (the source to fill).
const row_of = points === neurons ? (i) => i : (i) => points.data.row[i]
const at = new Map(neurons.data.name.map((name, row) => [name, row]))
const n = points.data[x].length
const around = new Map() // how many rings a neuron has already
const data = {x: [], y: [], colour: [], size: []}
sets.data.name.forEach((_, set) => {
  if (!sets.data.shown[set]) {
    return
  }
  const members = new Set(JSON.parse(sets.data.names[set]).map((name) => at.get(name)))
  members.delete(undefined)
  for (let i = 0; i < n && members.size > 0; i++) {
    if (members.has(row_of(i))) {
      data.x.push(points.data[x][i])
      data.y.push(points.data[y][i])
      data.colour.push(sets.data.colour[set])
      data.size.push(9 + 5 * (around.get(row_of(i)) ?? 0))
    }
  }
  members.forEach((row) => around.set(row, (around.get(row) ?? 0) + 1))
})
if (data.x.length > 0 || rings.data.x.length > 0) {
  rings.data = data
}
