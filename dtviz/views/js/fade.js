// Fades the rows and columns of the heatmap that are not selected, in the page's own colours.
// Args: neurons (the hub), masks (sources of one column and of one row of pixels), figure.
const brush = document.createElement("canvas").getContext("2d")
brush.fillStyle = figure.background_fill_color ?? "white" // reads back as #rrggbb
const [red, green, blue] = [1, 3, 5].map((at) => parseInt(brush.fillStyle.slice(at, at + 2), 16))

const {indices} = neurons.selected
const {leaf} = neurons.data
const n = leaf.length
// Pixels are 0xAABBGGRR.
const faded = indices.length > 0 ? (0xa0 << 24 | blue << 16 | green << 8 | red) >>> 0 : 0
for (const mask of masks) {
  const [pixels] = mask.data.image
  pixels.fill(faded)
  for (const i of indices) {
    const first = Math.floor(leaf[i] * pixels.length / n)
    pixels.fill(0, first, Math.max(first + 1, Math.floor((leaf[i] + 1) * pixels.length / n)))
  }
  mask.data.size[0] = n
  mask.change.emit()
}
