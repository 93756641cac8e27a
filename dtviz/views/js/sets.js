// The panel of named sets. Args: neurons (the hub), sets and session (sources), palette (colours for
// new sets), most_bytes (of a file), output (a Div). Uses choose.js, download.js, set_file.js and
// write.js.
const view = Bokeh.index.find_one(output)
if (view?.markup_el == null) {
  return // not drawn yet
}
const PANEL = `<div class="panel"><form>
<input name="set" aria-label="Name of the set" placeholder="Name" maxlength="80" required>
<input name="note" aria-label="Note" placeholder="Note" maxlength="2000">
<input name="colour" type="color" aria-label="Colour" value="${palette[0]}">
<button>Save the selection</button></form>
<span>Of the sets shown: <button data-do="union" title="Select the neurons of any of them">union</button>
<button data-do="intersection" title="Select the neurons of all of them">intersection</button>
<button data-do="difference" title="Select the neurons of the first that are in none of the others">difference</button></span>
<span><button data-do="file">Save as a file</button>
<label class="button">Open a file<input type="file" accept=".json,application/json"></label></span>
<span class="problem" role="alert"></span></div><div class="list"></div>`
if (view.markup_el.querySelector(".panel") == null) {
  write(output, PANEL)
}
const part = (selector) => view.markup_el.querySelector(selector)
const all = () => sets.data.name.map((name, i) => Object.fromEntries(
  Object.keys(sets.data).map((column) => [column, sets.data[column][i]])))
const hold = (list) => {
  const columns = ["name", "note", "colour", "names", "shown"]
  sets.data = Object.fromEntries(columns.map((column) => [column, list.map((one) => one[column])]))
}
const members = (set) => JSON.parse(set.names)

// The colour of the next set: one that no other has, if there is one.
const suggest = () => {
  view.suggested = palette.map((colour) => colour.toLowerCase()).find((colour) =>
    !all().some((one) => one.colour.toLowerCase() === colour)) ?? palette[0].toLowerCase()
  part("[name=colour]").value = view.suggested
}
if (view.suggested == null || part("[name=colour]").value === view.suggested) {
  suggest() // nobody has chosen another
}

if (view.shadow_el.dtviz !== neurons) { // the first time
  view.shadow_el.dtviz = neurons
  const problem = (text) => part(".problem").textContent = text
  const acts = {
    select: (set) => choose_names(neurons, members(set)),
    update: (set) => hold(all().map((one) =>
      one.name === set.name ? {...one, names: JSON.stringify(selected_names(neurons))} : one)),
    remove: (set) => hold(all().filter((one) => one.name !== set.name)),
    file: () => download(new Blob([set_file(neurons.document)], {type: "application/json"}), "neuron-sets.json"),
  }
  const join = {
    union: (lists) => lists.flat(),
    intersection: ([first, ...others]) => first.filter((name) => others.every((list) => list.includes(name))),
    difference: ([first, ...others]) => first.filter((name) => others.every((list) => !list.includes(name))),
  }
  view.shadow_el.addEventListener("click", ({target}) => {
    const what = target.closest?.("button")?.dataset.do
    const set = all()[target.closest?.("tr")?.dataset.set]
    problem("")
    if (what in join) {
      const shown = all().filter(({shown}) => shown).map(members)
      if (shown.length < 2) {
        problem("Show two sets or more: tick them in the list.")
      } else {
        choose_names(neurons, [...new Set(join[what](shown))])
      }
    } else if (what in acts) {
      acts[what](set)
    } else if (set != null && !target.matches("input")) {
      acts.select(set)
    }
  })
  view.shadow_el.addEventListener("submit", (event) => {
    event.preventDefault()
    const form = event.target
    const name = form.elements.set.value.trim()
    const names = selected_names(neurons)
    if (name === "" || names.length === 0) {
      problem(name === "" ? "Give the set a name." : "Nothing is selected: select neurons in a plot first.")
      return
    }
    const saved = {name, note: form.elements.note.value, colour: form.elements.colour.value, names: JSON.stringify(names), shown: true}
    const list = all()
    const place = list.findIndex((one) => one.name === name)
    hold(place < 0 ? [...list, saved] : list.map((one, i) => i === place ? saved : one))
    form.reset()
    problem("")
    suggest()
  })
  view.shadow_el.addEventListener("change", async ({target}) => {
    const set = all()[target.closest("tr")?.dataset.set]
    const changed = (change) => hold(all().map((one) => one.name === set.name ? {...one, ...change} : one))
    if (target.type === "checkbox") {
      changed({shown: target.checked})
    } else if (target.type === "color" && set != null) {
      changed({colour: target.value})
    } else if (target.type === "file" && target.files.length > 0) {
      const [file] = target.files
      problem("")
      if (file.size > most_bytes) {
        problem("That file is too large: choose a file of sets that dtviz wrote.")
      } else {
        ask(neurons.document, "read", await file.text())
      }
      target.value = ""
    }
  })
  view.shadow_el.addEventListener("keydown", (event) => event.stopPropagation())
}

if (!view.is_displayed) {
  return // its tab follows when it is opened
}

const {name, x, y, difference} = neurons.data
const at = new Map(sets.data.name.length === 0 ? [] : name.map((one, row) => [one, row]))
const label = (axis) => {
  const figure = neurons.document.get_model_by_name("congruence")
  return escaped(figure?.[axis]?.find(({type}) => type.endsWith("Axis"))?.axis_label ?? "")
}
const rows = all().map((set, i) => {
  const neurons_of = members(set)
  const here = neurons_of.flatMap((one) => at.has(one) ? [at.get(one)] : [])
  const mean = (column) => here.length === 0 ? "–" : (here.reduce((sum, row) => sum + column[row], 0) / here.length).toFixed(2)
  return `<tr data-set="${i}" title="Select these neurons, in the mode of the bar">
<td><input type="checkbox" aria-label="Show ${escaped(set.name)}" ${set.shown ? "checked" : ""}></td>
<td><input type="color" aria-label="Colour of ${escaped(set.name)}" value="${escaped(set.colour)}"></td>
<td class="name">${escaped(set.name)}</td><td>${neurons_of.length}</td><td>${here.length}</td>
<td>${mean(x)}</td><td>${mean(y)}</td><td>${mean(difference)}</td><td class="note">${escaped(set.note)}</td>
<td><button data-do="select">select</button> <button data-do="update" title="Let it hold what is selected now">update</button> <button data-do="remove">remove</button></td></tr>`
})
part("form button").textContent = `Save the selection (${elsewhere(neurons.document).length + neurons.selected.indices.length})`
part(".list").innerHTML = rows.length === 0 ? "<p>No sets yet. Select neurons, give them a name, save: they are ringed in the set's colour in every view.</p>"
  : `<table><thead><tr><th>shown</th><th></th><th>set</th><th>neurons</th><th>in view</th><th>mean ${label("below")}</th><th>mean ${label("left")}</th><th>mean difference</th><th>note</th><th></th></tr></thead><tbody>${rows.join("")}</tbody></table>`
