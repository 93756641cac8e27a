// Writes how many neurons are selected, and what to do when none is.
// Args: neurons (the hub), output (a Div). Uses write.js.
const n = neurons.selected.indices.length
const total = neurons.data.name.length
write(output, `<b>${n === 0 ? "none" : n}</b> of ${total} neurons selected`)
