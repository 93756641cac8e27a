// Returns where the items of each neuron that is listed begin, by its row in the hub, and how many there
// are at either end. Args: ranking (a source: neuron and item, 2k rows a neuron, k from the greatest and
// k from the least).
function places(ranking) {
  const {neuron} = ranking.data
  const at = new Map()
  const second = neuron.findIndex((row) => row !== neuron[0])
  const rows = second < 0 ? neuron.length : second
  for (let i = 0; i < neuron.length; i += rows) {
    at.set(neuron[i], i)
  }
  return {at, k: rows / 2}
}

// Returns the rows of the neurons that list an item at one end. Args: ranking (as above), is_most (which
// end).
function listing(ranking, item, is_most) {
  const {at, k} = places(ranking)
  return [...at].flatMap(([row, first]) => {
    const start = first + (is_most ? 0 : k)
    return ranking.data.item.slice(start, start + k).includes(item) ? [row] : []
  })
}
