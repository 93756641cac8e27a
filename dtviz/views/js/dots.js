// Draws the points of a large scatter into an image the size of its frame: a canvas takes ten times
// as long for as many circles. The scatter's own points stay, unseen, to be hovered and selected.
// Args: neurons (the hub), x, y (its columns), dots (a source of one image), figure, mapper (of
// colours), accent (colour of the selected), most (points that the scatter draws itself).
const n = neurons.data.name.length
const {x_range, y_range} = figure
const image = dots.data.image[0]
const scale = window.devicePixelRatio
const drawn = !figure.properties.inner_width.is_unset && figure.inner_width * figure.inner_height > 0
const shown = n > most && drawn
const width = shown ? Math.round(figure.inner_width * scale) : 1
const height = shown ? Math.round(figure.inner_height * scale) : 1
const fits = image.length === width * height && image.shape[1] === width
const pixels = fits ? image : new image.constructor(width * height, [height, width])
const bytes = new Uint8ClampedArray(pixels.buffer, pixels.byteOffset, 4 * pixels.length)
bytes.fill(0)

if (shown) {
  const rgb = (text) => [1, 3, 5].map((at) => parseInt(text.slice(at, at + 2), 16))
  // How much of each pixel around its centre a dot covers.
  const radius = 1.7 * scale
  const reach = Math.ceil(radius)
  const side = 2 * reach + 1
  const covered = Float32Array.from({length: side * side}, (_, at) => Math.max(0, Math.min(1,
    radius + 0.5 - Math.hypot(at % side - reach, Math.floor(at / side) - reach))))
  const {[x]: xs, [y]: ys, color} = neurons.data
  const [x0, y0] = [x_range.start, y_range.start]
  const [across, up] = [width / (x_range.end - x0), height / (y_range.end - y0)]
  const put = (i, colour, opacity) => {
    const left = Math.floor((xs[i] - x0) * across) - reach
    const low = Math.floor((ys[i] - y0) * up) - reach
    for (let row = Math.max(0, -low); row < Math.min(side, height - low); row++) {
      for (let column = Math.max(0, -left); column < Math.min(side, width - left); column++) {
        const over = covered[row * side + column] * opacity
        if (over > 0) {
          const at = 4 * ((low + row) * width + left + column)
          const under = bytes[at + 3] / 255 * (1 - over)
          const sum = over + under
          for (let channel = 0; channel < 3; channel++) {
            bytes[at + channel] = (colour[channel] * over + bytes[at + channel] * under) / sum
          }
          bytes[at + 3] = 255 * sum
        }
      }
    }
  }
  const {indices} = neurons.selected
  const {palette, low, high} = mapper
  const opacity = indices.length > 0 ? 0.25 : 0.85
  // A brush changes nothing but what is selected: all else is drawn once, and the selected upon it.
  const drawn_of = [xs, ys, color, x0, y0, across, up, width, height, palette, low, high, opacity]
  if (drawn_of.some((one, i) => one !== dots.drawn_of?.[i])) {
    const colours = palette.map(rgb)
    for (let i = 0; i < n; i++) {
      const share = Math.min(1, Math.max(0, (color[i] - low) / (high - low)))
      put(i, colours[Math.round(share * (colours.length - 1))], opacity)
    }
    Object.assign(dots, {drawn_of, drawn: bytes.slice()})
  }
  bytes.set(dots.drawn)
  const accented = rgb(accent)
  for (const i of indices) {
    put(i, accented, 1)
  }
}

Object.assign(dots.data, {
  image: [pixels],
  x: [x_range.start],
  y: [y_range.start],
  dw: [x_range.end - x_range.start],
  dh: [y_range.end - y_range.start],
})
dots.change.emit()
