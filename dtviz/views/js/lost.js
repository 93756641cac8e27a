// A page whose server is gone says so, and goes on with what the browser does alone. Once a server
// answers again, the page loads anew: the address has the options, and here the selection and the
// sets are kept for it. Uses choose.js and set_file.js.
const GONE = "Server gone: selecting goes on, all else once it is back."
const KEPT = "dtviz: kept while the server was gone"

// Resolves once a server answers at this address, and nobody is in the middle of a gesture.
async function server_answers() {
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, 1000))
    try {
      await fetch("favicon.ico", {cache: "no-store"})
      if (!window.dtvizKeys.pointer) {
        return
      }
    } catch {
      // not yet
    }
  }
}

// Waits for a server, and loads the page again.
async function outlive(neurons) {
  await server_answers()
  const page = neurons.document
  const has_sets = page.get_model_by_name("sets").data.name.length > 0
  const kept = {sets: has_sets ? set_file(page) : null, names: selected_names(neurons)}
  sessionStorage.setItem(KEPT, JSON.stringify(kept))
  location.reload()
}

// Takes up what this page had when it was loaded again.
function take_up(neurons) {
  const kept = JSON.parse(sessionStorage.getItem(KEPT))
  sessionStorage.removeItem(KEPT)
  if (kept?.sets != null) {
    ask(neurons.document, "read", kept.sets)
  }
  if (kept != null) {
    ask(neurons.document, "names", kept.names)
  }
}
