// Runs a script at each change of the selection, or of what is shared, while its figure is in sight.
// It connects here, in the browser: a figure that joins a page later would otherwise have to change
// sources that are there already. Args: figure, run (the script), neurons (the hub), selection (whether
// it draws what is selected), ranges (whether it draws for the ranges of the figure), sources.

// What changes together, as the four ends of ranges do, is drawn once.
const draw = () => {
  if (!run.is_waiting) {
    run.is_waiting = true
    queueMicrotask(() => {
      run.is_waiting = false
      run.execute(neurons)
    })
  }
}
if (!run.is_connected) {
  run.is_connected = true
  const signals = sources.map((source) => source.properties.data.change)
  if (selection) {
    signals.push(neurons.selected.properties.indices.change)
  }
  if (ranges) { // as they are now: Panel lets figures share them
    for (const {properties: {start, end}} of [figure.x_range, figure.y_range]) {
      signals.push(start.change, end.change)
    }
  }
  const changed = () => {
    const view = Bokeh.index.find_one(figure)
    if (view == null) {
      signals.forEach((signal) => signal.disconnect(changed))
      run.is_connected = false
    } else if (view.is_displayed) {
      draw()
    }
  }
  signals.forEach((signal) => signal.connect(changed))
}
draw()
