// Asks for the cells of the part of a heatmap that is in view, once the view rests, where all cells
// together are averages; and lets the dendrogram show the same leaves.
// Args: figure, cells (a source: the leaf at which each cell begins, and n), detail (a source).
const REST = 150 // milliseconds
const {start} = cells.data
const n = start[start.length - 1]
const in_view = ({start, end}) =>
  [Math.max(0, Math.floor(Math.min(start, end))), Math.min(n, Math.ceil(Math.max(start, end)))]
figure.document.get_model_by_name("dendrogram")?.x_range.setv({
  start: figure.x_range.start, end: figure.x_range.end})
clearTimeout(detail.resting)
detail.resting = setTimeout(() => {
  const asked = [...in_view(figure.y_range), ...in_view(figure.x_range)]
  const is_whole = asked.join() === [0, n, 0, n].join()
  if (start.length - 1 < n && !(is_whole && detail.data.dw[0] === 0)) {
    detail.tags = [...asked, Date.now()] // the same may be asked for again
  }
}, REST)
