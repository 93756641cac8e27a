// Saves a figure as SVG. Args: figure. Uses download.js.
const blob = await Bokeh.index.find_one(figure).export("svg").to_blob()
download(blob, `${figure.name ?? "figure"}.svg`)
