// Returns the rows of the neurons that list an item at one end. Args: neurons (the hub), ranking (a
// source: item, 2k rows a neuron, k from the greatest and k from the least), is_most (which end).
function listing(neurons, ranking, item, is_most) {
  const n = neurons.data.name.length
  const k = ranking.data.item.length / (2 * n)
  return [...Array(n).keys()].filter((row) => {
    const start = row * 2 * k + (is_most ? 0 : k)
    return ranking.data.item.slice(start, start + k).includes(item)
  })
}
