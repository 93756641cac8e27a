// Puts the content of a tab in its place when it is first opened. Args: places, contents.
const place = places[cb_obj.active]
if (place.children.length === 0) {
  place.children = [contents[cb_obj.active]]
}
