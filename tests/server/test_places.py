"""Places: as many as there are, each taken once."""

from dtviz.server.places import Places


def test_as_many_pages_are_open_as_there_are_places():
    places = Places(2)
    assert places.enter("a")
    assert places.enter("b")
    assert places.are_taken
    assert not places.enter("c")
    places.leave("c")  # it never had one
    assert places.are_taken
    places.leave("a")
    places.leave("a")
    assert places.enter("d")
    assert not places.enter("e")
