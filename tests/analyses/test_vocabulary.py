import pytest
from hypothesis import given
from hypothesis import strategies as st

from dtviz.analyses.vocabulary import MOST_CHARACTERS, Vocabulary, last_part, parts
from dtviz.errors import BadArgument, UnknownName

from ..tokens import ODD, tokens

TOKENS = Vocabulary(tokens(300))


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("he", ["he"]),
        (" he", ["␣he"]),
        ("␣he", ["␣he"]),
        ("he ", ["he"]),
        ("only", ["␣only"]),
        (" only ", ["␣only"]),
        ("he,him", ["he", "him"]),
        (" he, him", ["␣he", "␣him"]),
        ("he, word0", ["he", "word0"]),  # no token begins with a space there
        ("he,,he, ", ["he"]),
        ("a,b", ["a,b"]),  # a name as a whole
        ('he,"a,b"', ["he", "a,b"]),
        ('"he,she",he', ["he,she", "he"]),
        ('"say ""hi""", she', ['say "hi"', "␣she"]),
        (",", [","]),
        (" ,", ["␣,"]),
        (" padded ", [" padded "]),
    ],
)
def test_a_text_stands_for_names(text, names):
    assert TOKENS.members(text) == names
    assert TOKENS.has(text)


@pytest.mark.parametrize("name", ["he", "␣he", *ODD])
def test_every_name_alone_is_its_own_text(name):
    assert TOKENS.written([name]) == TOKENS.written(name) == name
    assert TOKENS.members(name) == [name]


@given(st.lists(st.sampled_from(TOKENS.names), min_size=1, max_size=8, unique=True))
def test_what_is_written_is_read_as_the_same_names(names):
    text = TOKENS.written(names)
    assert TOKENS.members(text) == names
    assert TOKENS.written(text) == text


@given(
    st.lists(st.text(min_size=1), min_size=1, max_size=6, unique=True).filter(
        lambda names: all(name.strip() for name in names)
    )
)
def test_any_names_can_be_written_and_read(names):
    vocabulary = Vocabulary(names)
    assert vocabulary.members(vocabulary.written(names)) == names


@pytest.mark.parametrize("given", [" he", [" he"], ("␣he",), {"␣he"}])
def test_names_are_given_as_a_text_or_a_collection(given):
    assert TOKENS.written(given) == "␣he"


def test_in_a_collection_a_comma_parts_nothing():
    with pytest.raises(UnknownName, match="'he,him'"):
        TOKENS.written(["he,him"])


@pytest.mark.parametrize("text", ["quene", "he, quene", "Quee"])
def test_what_is_no_name_is_told_with_those_near(text):
    assert not TOKENS.has(text)
    with pytest.raises(UnknownName, match=r"among the 300 tokens .* Near are .*'␣queen'"):
        TOKENS.members(text)


def test_where_nothing_is_near_it_says_what_to_do():
    with pytest.raises(UnknownName, match=r"got '§'\. Type some letters"):
        TOKENS.members("§")


@pytest.mark.parametrize("text", ["", " ", ",,", '""', "x" * (MOST_CHARACTERS + 1), None, 3])
def test_what_names_nothing_is_told(text):
    vocabulary = Vocabulary(["he", "she"])
    with pytest.raises(BadArgument, match=r"Expected .*nam"):
        vocabulary.members(text)


@pytest.mark.parametrize("given", [[], None, 3, [3], ["he", None]])
def test_what_is_no_collection_of_names_is_told(given):
    with pytest.raises(BadArgument, match=r"the name of a token, or several in a list"):
        TOKENS.written(given)


def test_a_search_finds_what_contains_a_text_the_likeliest_first():
    found = TOKENS.search("HE")
    assert found.names[:2] == ["␣he", "he"]
    assert found.names[2:4] == ["␣her", "her"]
    assert set(found.names) == {name for name in TOKENS.names if "he" in name}
    assert found.total == len(found.names)


def test_a_leading_space_is_searched_for():
    assert TOKENS.search(" he").names == ["␣he", "␣her"]


def test_of_many_that_match_a_few_are_returned_and_all_counted():
    found = TOKENS.search("word", most=50)
    assert len(found.names) == 50
    assert found.total == sum("word" in name for name in TOKENS.names)


@pytest.mark.parametrize("text", ["", " ", "␣"])
def test_nothing_typed_matches_nothing(text):
    assert TOKENS.search(text).total == 0


@given(st.text(alphabet='ab," ', max_size=20))
def test_any_text_has_parts_or_none(text):
    found = parts(text)
    assert all(part.strip() for part in found)
    assert "".join(found).count("a") == text.count("a")


@pytest.mark.parametrize(
    ("text", "expected"), [("he", ("", "he")), ("he, sh", ("he,", " sh")), ("he,", ("he,", ""))]
)
def test_what_is_being_typed_is_behind_the_last_comma(text, expected):
    assert last_part(text) == expected
