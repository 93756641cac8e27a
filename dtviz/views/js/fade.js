// Fades the rows and columns of the heatmap that are not selected, in the page's own colours.
// Args: neurons (the hub), masks (sources: rows, a column of pixels, and columns, a row of them), most
// (pixels of each), figure.
const brush = document.createElement("canvas").getContext("2d")
brush.fillStyle = figure.background_fill_color ?? "white" // reads back as #rrggbb
const [red, green, blue] = [1, 3, 5].map((at) => parseInt(brush.fillStyle.slice(at, at + 2), 16))

const {indices} = neurons.selected
const {leaf} = neurons.data
const n = leaf.length
// Pixels are 0xAABBGGRR.
const faded = indices.length > 0 ? (0xa0 << 24 | blue << 16 | green << 8 | red) >>> 0 : 0
for (const [mask, range, shape] of [
  [masks.rows, figure.y_range, (size) => [size, 1]], [masks.columns, figure.x_range, (size) => [1, size]]]) {
  // Of the leaves in view: zoomed in, each has a pixel of its own.
  const from = Math.min(n, Math.max(0, Math.floor(Math.min(range.start, range.end))))
  const to = Math.max(from, Math.min(n, Math.ceil(Math.max(range.start, range.end))))
  const size = Math.max(1, Math.min(most, to - from))
  const before = mask.data.image[0]
  const pixels = before.length === size ? before : new before.constructor(size, shape(size))
  pixels.fill(faded)
  const pixel = (leaf) => Math.floor((leaf - from) * size / (to - from))
  for (const i of indices) {
    if (leaf[i] >= from && leaf[i] < to) {
      pixels.fill(0, pixel(leaf[i]), Math.max(pixel(leaf[i]) + 1, pixel(leaf[i] + 1)))
    }
  }
  Object.assign(mask.data, {image: [pixels], start: [from], size: [to - from], all: [n]})
  mask.change.emit()
}
