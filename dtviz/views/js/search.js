// Finds neurons by what one types: names, numbers (of the layer in view), ranges of either, experts,
// or a regular expression. Resolves to {rows}, or to {problem}.
const MOST_CHARACTERS = 100_000 // of more, a browser takes seconds to lay out a line
const PATIENCE = 1000 // milliseconds for a regular expression

async function found(text, names) {
  const wanted = text.trim()
  if (wanted === "") {
    return {rows: []}
  }
  if (wanted.length > MOST_CHARACTERS) {
    return {problem: `more than ${MOST_CHARACTERS.toLocaleString("en")} characters: that is no search`}
  }
  const words = wanted.split(/[\s,;]+/).filter((word) => word !== "")
  const lists = words.map(listed_by(names))
  const whole = names.indexOf(wanted)
  if (whole >= 0) {
    return {rows: [whole]}
  }
  if (lists.every((rows) => rows != null)) {
    const unknown = words.filter((_, i) => lists[i].length === 0)
    return unknown.length === 0 ? {rows: [...new Set(lists.flat())]}
      : {problem: `not among the neurons in view: ${unknown.slice(0, 5).join(", ")}${unknown.length > 5 ? ` and ${unknown.length - 5} more` : ""}`}
  }
  return matching(wanted, names)
}

// Returns a function from a word to the rows it names: null if it is no name or range.
function listed_by(names) {
  const at = new Map(names.map((name, row) => [name.toLowerCase(), row]))
  const places = names.map((name) => {
    const [layer, group, number] = name.match(/^L(\d+)([EM]\d+)?N(\d+)$/)?.slice(1) ?? []
    return {layer: Number(layer), group, number: Number(number)}
  })
  return (word) => {
    if (at.has(word.toLowerCase())) {
      return [at.get(word.toLowerCase())]
    }
    const parts = word.match(/^(?:L(\d+))?(E\d+)?(?:N?(\d+)(?:(?:-|–|\.\.|:)(?:L(\d+))?(?:E\d+)?N?(\d+))?)?$/i)
    if (parts == null || parts[2] == null && parts[3] == null) {
      return null
    }
    const expert = parts[2]?.toUpperCase()
    const [layer, from, last_layer, to] = [1, 3, 4, 5].map((i) => parts[i] == null ? null : Number(parts[i]))
    const [low, high] = from == null ? [0, Infinity] : [Math.min(from, to ?? from), Math.max(from, to ?? from)]
    return [...names.keys()].filter((row) => {
      const {layer: of, group, number} = places[row]
      return number >= low && number <= high && (expert == null || group === expert)
        && (layer == null || of >= layer && of <= (last_layer ?? layer))
    })
  }
}

// In a thread of its own, which can be ended: an expression can take longer than anyone lives. Its
// time runs from when the thread has started, which takes long where much else is going on.
function matching(pattern, names) {
  try {
    new RegExp(pattern)
  } catch (error) {
    return {problem: `no names, and no regular expression: ${error.message.split(": ").at(-1)}`}
  }
  const code = `postMessage(null)
  onmessage = ({data: [pattern, names]}) => {
    const expression = new RegExp(pattern)
    postMessage(names.flatMap((name, row) => expression.test(name) ? [row] : []))
  }`
  const address = URL.createObjectURL(new Blob([code], {type: "text/javascript"}))
  const worker = new Worker(address)
  return new Promise((resolve) => {
    let late = null
    const end = (result) => {
      clearTimeout(late)
      worker.terminate()
      URL.revokeObjectURL(address)
      resolve(result)
    }
    worker.onmessage = ({data}) => {
      if (data != null) {
        end({rows: data})
        return
      }
      worker.postMessage([pattern, names])
      late = setTimeout(() => end({problem: "this regular expression takes too long: make it simpler"}), PATIENCE)
    }
    worker.onerror = () => end({problem: "this browser cannot search by regular expression here"})
  })
}
