"""Upload: the pieces of one file, whatever a page sends."""

import tracemalloc

from hypothesis import given
from hypothesis import strategies as st

from dtviz.upload import Upload

BEGIN = {"status": "upload_event", "name": "a.pt", "chunk": 1}
END = {"status": "finished"}


class Heard:
    """What came of some messages."""

    def __init__(self, *messages, most=10):
        self.files, self.refused = [], 0
        self.upload = Upload(most, lambda *file: self.files.append(file), self.refuse)
        self.ends = [self.upload.hear(message) for message in messages]

    def refuse(self):
        self.refused += 1


def piece(number, data, name="a.pt"):
    return {"status": "upload_event", "name": name, "chunk": number, "data": data}


def test_the_pieces_of_a_file_are_put_together():
    heard = Heard(piece(1, b"abc"), piece(2, b"de"), END)
    assert heard.files == [("a.pt", b"abcde")]
    assert heard.ends == [False, False, True]
    assert Heard(piece(1, b""), END).files == [("a.pt", b"")]


def test_what_is_too_large_is_refused_and_not_held():
    assert Heard(piece(1, bytes(10)), END).files == [("a.pt", bytes(10))]
    heard = Heard(piece(1, bytes(6)), piece(2, bytes(6)), END)
    assert (heard.files, heard.refused) == ([], 1)
    tracemalloc.start()
    one = Heard(most=1_000_000)
    for _ in range(1_000):
        one.upload.hear(piece(1, bytes(900_000)))
    assert tracemalloc.get_traced_memory()[0] < 3_000_000
    tracemalloc.stop()


def test_what_makes_no_sense_ends_what_has_begun():
    for odd in (piece(3, b"x"), piece(2, b"x", "b.pt"), piece(2, "text"), {}, None, 7, [BEGIN]):
        heard = Heard(piece(1, b"a"), odd, piece(2, b"b"), END)
        assert heard.files == []
        # And the next is taken.
        heard.upload.hear(piece(1, b"c"))
        assert heard.upload.hear(END)
        assert heard.files == [("a.pt", b"c")]


def test_the_page_says_that_a_file_is_too_large():
    heard = Heard(piece(1, b"a"), {"status": "error"}, END)
    assert (heard.files, heard.refused) == ([], 1)


PARTS = st.builds(piece, st.integers(0, 3), st.binary(max_size=4), st.sampled_from("ab"))


@given(st.lists(PARTS | st.sampled_from([END, {"status": "error"}, {}])))
def test_no_file_but_one_whose_pieces_came_one_after_the_other(messages):
    heard = Heard(*messages, most=6)
    for name, data in heard.files:
        assert any(one.get("name") == name for one in messages)
        assert len(data) <= 6
    assert sum(heard.ends) == len(heard.files)
