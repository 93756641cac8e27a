// At a figure's layout, tells all that follow the selection what it is: a notebook's document is never
// ready, in Bokeh's words. Args: neurons (the hub).
neurons.selected.properties.indices.change.emit()
