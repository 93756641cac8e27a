// Shows HTML in a Div, or at first only a part of it. A change of its text would lay the whole page
// out again, which takes longer than all else that a brush does: so the text is set silently, and
// its element is filled by hand. Returns that element, if the Div is shown.
function write(div, html, first = html) {
  div.setv({text: html}, {silent: true})
  const element = Bokeh.index.find_one(div)?.markup_el
  if (element != null) {
    element.innerHTML = first
  }
  return element
}

// Returns a text as HTML.
function escaped(text) {
  return String(text).replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`)
}
