// Lets the select tools of a figure follow the page's mode and keys. Args: figure, neurons (the hub),
// direct (whether the figure draws the hub's own rows; else a script makes neurons of what was hit).
// Uses choose.js.
const view = Bokeh.index.find_one(figure)
// To Bokeh, a button held for 300 ms before the mouse moves is a press, and the drag is lost.
const gestures = view?.canvas_view.ui_event_bus?.ui_gestures?.constructor
if (gestures != null) {
  gestures.press_threshold = 2 ** 31 - 1 // the longest that a timer can wait
}
const bokeh = {add: "append", remove: "subtract", toggle: "xor"}
for (const tool of view?.tool_views.values() ?? []) {
  if ("_select_mode" in tool) {
    tool._select_mode = () => {
      const mode = direct ? mode_of(neurons.document) : "replace"
      return bokeh[mode] ?? mode
    }
  }
}
