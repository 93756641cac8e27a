// Shows HTML in a Div. A change of its text would lay the whole page out again, which takes longer
// than all else that a brush does: so the text is set silently, and its element is filled by hand.
function write(div, html) {
  div.setv({text: html}, {silent: true})
  const element = Bokeh.index.find_one(div)?.markup_el
  if (element != null) {
    element.innerHTML = html
  }
}
