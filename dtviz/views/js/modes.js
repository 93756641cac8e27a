// Lets the select tools of a figure follow the page's mode and keys. Args: figure, neurons (the hub),
// direct (whether the figure draws the hub's own rows; else a script makes neurons of what was hit).
// Uses choose.js.
const bokeh = {add: "append", remove: "subtract", toggle: "xor"}
for (const tool of Bokeh.index.find_one(figure)?.tool_views.values() ?? []) {
  if ("_select_mode" in tool) {
    tool._select_mode = () => {
      const mode = direct ? mode_of(neurons.document) : "replace"
      return bokeh[mode] ?? mode
    }
  }
}
