// Runs a script at each change of the selection, or of what is shared, while its figure is in sight.
// It connects here, in the browser: a figure that joins a page later would otherwise have to change
// sources that are there already. Args: figure, run (the script), neurons (the hub), selection (whether
// it draws what is selected), ranges (whether it draws for the ranges of the figure), sources.
if (!run.is_connected) {
  run.is_connected = true
  const signals = sources.map((source) => source.properties.data.change)
  if (selection) {
    signals.push(neurons.selected.properties.indices.change)
  }
  const changed = () => {
    const view = Bokeh.index.find_one(figure)
    if (view == null) {
      signals.forEach((signal) => signal.disconnect(changed))
      ends.forEach((signal) => signal.disconnect(moved))
      run.is_connected = false
    } else if (view.is_displayed) {
      run.execute(neurons)
    }
  }
  // The ends of ranges change together: it is drawn once, when all have.
  let is_moving = false
  const moved = () => {
    if (!is_moving) {
      is_moving = true
      queueMicrotask(() => {
        is_moving = false
        changed()
      })
    }
  }
  // As the ranges are now: Panel lets figures share them.
  const ends = !ranges ? [] : [figure.x_range, figure.y_range].flatMap(
    ({properties: {start, end}}) => [start.change, end.change])
  signals.forEach((signal) => signal.connect(changed))
  ends.forEach((signal) => signal.connect(moved))
}
run.execute(neurons)
