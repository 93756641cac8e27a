// Saves a figure as SVG. Args: figure.
const blob = await Bokeh.index.find_one(figure).export("svg").to_blob()
const link = document.createElement("a")
link.href = URL.createObjectURL(blob)
link.download = `${figure.name ?? "figure"}.svg`
link.click()
URL.revokeObjectURL(link.href)
