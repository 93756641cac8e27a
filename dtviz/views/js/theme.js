// Gives signed values the colours of the page, light or dark.
// Args: figure, mapper (of colours), palettes (for light and dark pages).
const brush = document.createElement("canvas").getContext("2d")
brush.fillStyle = figure.background_fill_color ?? "white" // reads back as #rrggbb
const paper = [1, 3, 5].reduce((sum, at) => sum + parseInt(brush.fillStyle.slice(at, at + 2), 16), 0)
const palette = paper < 3 * 128 ? palettes.dark : palettes.light
if (mapper.palette[0] !== palette[0]) {
  mapper.palette = palette
}
