// Tells of the cell of a heatmap under the pointer the neurons of its row or column, or its value:
// the cosine of one pair, or the mean or the greatest of several.
// Args: neurons (the hub), cells (a source: start, the leaf at which each cell begins, and n; of, what
// cells tell of several pairs), detail (a source: the cells of a part of the heatmap). format: "row",
// "column" or "cosine".
const {start, of: [of]} = cells.data
const {x, y} = special_vars
const n = start[start.length - 1]
// The leaves of the one of several equal cells that a place is in.
const at = (place, first, leaves, count) => {
  const cell = Math.min(count - 1, Math.floor((place - first) * count / leaves))
  const bound = (i) => first + Math.floor(i * leaves / count)
  return {cell, from: bound(cell), to: bound(cell + 1)}
}
const fine = Object.fromEntries(Object.entries(detail.data).map(([name, [value]]) => [name, value]))
const is_fine = x >= fine.x && x < fine.x + fine.dw && y >= fine.y && y < fine.y + fine.dh
const [height, width] = fine.image.shape
const row = is_fine ? at(y, fine.y, fine.dh, height) : at(y, 0, n, start.length - 1)
const column = is_fine ? at(x, fine.x, fine.dw, width) : at(x, 0, n, start.length - 1)
if (format === "cosine") {
  const cosine = is_fine ? fine.image[row.cell * width + column.cell] : value
  const [rows, columns] = [row.to - row.from, column.to - column.from]
  return (rows * columns > 1 ? `${of} of ${rows} × ${columns} pairs: ` : "") + cosine.toFixed(3)
}
const {from, to} = format === "row" ? row : column
const {leaf, name} = neurons.data
const first = name[leaf.indexOf(from)]
return to - from === 1 ? first
  : `${first} … ${name[leaf.indexOf(to - 1)]} (${to - from}, places ${from + 1} to ${to})`
