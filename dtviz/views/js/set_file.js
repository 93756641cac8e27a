// Returns the named sets of a page as the text of a file, see Sets.from_json.
function set_file(page) {
  const [sets, session] = ["sets", "session"].map((name) => page.get_model_by_name(name).data)
  const [model, sha256, processing] = ["model", "sha256", "processing"].map((key) => session[key][0])
  const {name, names, note, colour} = sets
  return JSON.stringify({
    dtviz: "neuron sets", version: 1, model, sha256: sha256 === "" ? null : sha256, processing,
    sets: name.map((one, i) => ({name: one, names: JSON.parse(names[i]), note: note[i], colour: colour[i]})),
  }, null, 1)
}
