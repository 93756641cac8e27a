"""Places: a session has one, however often its websocket opens."""

from dtviz.server.places import Places


class Page:
    """A websocket."""

    is_open = True

    def close(self):
        self.is_open = False


def test_as_many_pages_are_open_as_there_are_places():
    places, one = Places(2), Page()
    assert places.enter("a", one)
    assert places.enter("b", Page())
    assert not places.has_room()
    assert not places.enter("c", Page())
    places.leave("c", one)  # it never had one
    assert not places.has_room()
    places.leave("a", one)
    places.leave("a", one)
    assert places.enter("d", Page())
    assert not places.enter("e", Page())


def test_a_session_that_opens_another_websocket_keeps_its_place_and_loses_the_first():
    places, first, second = Places(1), Page(), Page()
    assert places.enter("a", first)
    assert places.has_room("a")
    assert not places.has_room("b")
    assert places.enter("a", second)
    assert (first.is_open, second.is_open) == (False, True)
    places.leave("a", first)  # closed late: it has no place any more
    assert not places.has_room()
    places.leave("a", second)
    assert places.has_room()
