// When a tab is opened: what changes in it from then on is laid out alone and not with the whole
// page, as a tab keeps its size; and once laid out, its views draw what was selected meanwhile.
const {document} = cb_obj
for (const view of Bokeh.index.find_one(cb_obj)?.child_views ?? []) {
  view.compute_layout = () => {
    view.measure_layout()
    view.update_bbox()
    view._compute_layout()
    view.after_layout()
  }
  view.invalidate_layout = () => {
    view.update_layout()
    // As the tabs do: Bokeh forgets it where style sheets change.
    view.parent_style.replace(":host", {grid_area: "stack"})
    view.compute_layout()
  }
}
requestAnimationFrame(() => requestAnimationFrame(() => {
  document.get_model_by_name("neurons").selected.properties.indices.change.emit()
}))
