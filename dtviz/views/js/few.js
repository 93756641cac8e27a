// Tells the name of a point under the pointer and, where more are there than are told of, "n of N".
// Args: most (points that are told of).
const {index, indices} = special_vars
return indices.length <= most ? value : `${value} · ${indices.indexOf(index) + 1} of ${indices.length} here`
