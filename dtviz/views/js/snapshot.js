// Runs a snapshot: shows the board of a layer, keeps the selection by name from layer to layer, and
// turns the page light or dark.
const {Document} = Bokeh.require("document")
const boards = document.querySelectorAll("script.board")
const chosen = new Set(JSON.parse(document.getElementById("about").textContent).selected)
const root = document.documentElement
let shown = null

// The colours and sizes that the served page's theme gives to figures.
function restyle() {
  const dark = root.classList.contains("dark")
  const [paper, text] = dark ? ["#121212", "#ffffff"] : ["#ffffff", "rgba(0, 0, 0, 0.87)"]
  const muted = dark ? "rgba(255, 255, 255, 0.7)" : "rgba(0, 0, 0, 0.6)"
  const styles = {
    Axis: {
      axis_line_alpha: 0, major_tick_line_alpha: 0, minor_tick_line_alpha: 0,
      major_label_text_color: muted, major_label_text_font_size: "0.925em",
      axis_label_text_color: text, axis_label_text_font_size: "1em",
      axis_label_text_font_style: "normal", axis_label_standoff: 12,
    },
    Title: {text_color: text, text_font_size: "1.05em", text_font_style: "normal"},
    Grid: {grid_line_color: dark ? "rgba(255, 255, 255, 0.12)" : "rgba(0, 0, 0, 0.1)"},
    ColorBar: {
      background_fill_alpha: 0, major_tick_line_alpha: 0, bar_line_alpha: 0,
      major_label_text_color: muted, major_label_text_font_size: "0.9em",
      title_text_color: text, title_text_font_size: "0.95em", title_text_font_style: "normal",
    },
    Figure: {background_fill_color: paper, border_fill_color: paper, outline_line_color: null},
  }
  for (const model of shown?.all_models ?? []) {
    const kind = Object.keys(styles).find((kind) => model.type.endsWith(kind))
    if (kind != null && !(kind === "Grid" && model.grid_line_color == null)) {
      model.setv(styles[kind])
    }
  }
}

async function show(label) {
  const board = [...boards].find(({dataset}) => dataset.label === label)
  shown?.clear()
  Bokeh.documents.length = 0
  shown = Document.from_json(JSON.parse(board.textContent))
  const neurons = shown.get_model_by_name("neurons")
  const names = neurons.data.name
  neurons.selected.indices = [...names.keys()].filter((i) => chosen.has(names[i]))
  neurons.selected.properties.indices.change.connect(() => {
    names.forEach((name) => chosen.delete(name))
    neurons.selected.indices.forEach((i) => chosen.add(names[i]))
  })
  restyle()
  const elements = shown.roots().map(({name}) => document.getElementById(name))
  await Bokeh.embed.add_document_standalone(shown, elements[0], elements)
}

document.getElementById("theme").addEventListener("click", () => {
  root.classList.toggle("dark")
  restyle()
})
document.getElementById("layer")?.addEventListener("change", (event) => show(event.target.value))
root.classList.toggle("dark", matchMedia("(prefers-color-scheme: dark)").matches)
show(document.getElementById("layer")?.value ?? boards[0].dataset.label)
