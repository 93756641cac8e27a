// Writes how many neurons are selected, and what to do when none is.
// Args: neurons (the hub), output (a Div).
const n = neurons.selected.indices.length
const total = neurons.data.name.length
output.text = n > 0
  ? `<b>${n}</b> of ${total} neurons selected`
  : `none of ${total} neurons selected`
