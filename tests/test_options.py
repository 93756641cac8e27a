import param
import pytest

from dtviz.errors import BadArgument, UnknownName
from dtviz.options import OWN, Options

from .tabs.models import small
from .tokens import wordy


def test_a_model_is_looked_at_in_its_last_layer_by_what_it_writes():
    options = Options(small(layers=3)).options
    assert options == {
        "layer": 2,
        "expert": "all",
        "side": "out",
        "colour_column": "difference",
        "x": "left",
        "y": "right",
        "layer_norm": True,
        "contrast": False,
        "space": "weights",
        "method": "average",
        "distance": "cosine",
        "exact_up_to": 16_384,
        "optimal_order": False,
        "clusters": 6,
        "block_value": "mean",
        "norm_above": 0,
        "named": "",
        "ranked_by": "in congruence",
        "k": 10,
        "threshold": 0.5,
        "alike_to": "mean",
        "alike_by": "threshold",
        "alike_count": 10,
        "pairs_above": 0.05,
    }


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("layer", 0),
        ("layer", "all"),
        ("side", "in"),
        ("x", "forward"),
        ("y", "left"),
        ("layer_norm", False),
        ("contrast", True),
        ("space", "out congruence"),
        ("method", "ward"),
        ("distance", "rows"),
        ("optimal_order", True),
        ("clusters", 3),
        ("norm_above", 0.8),
        ("named", "key"),
        ("ranked_by", "out × embedding"),
        ("ranked_by", "out congruence"),
        ("k", 3),
        ("threshold", 0.9),
        ("alike_to", "any"),
        ("alike_by", "count"),
        ("alike_count", 3),
        ("pairs_above", 0.2),
    ],
)
def test_each_option_can_be_given_and_is_in_force(name, value):
    given, default = Options(small(), **{name: value}).options, Options(small()).options
    assert given == {**default, name: value}
    assert Options(small(), **given).options == given


def test_the_options_are_those_of_the_analyses():
    options = Options(small())
    named = [name for owner in options.analyses for name in owner.param if name != "name"]
    assert len(named) == len(set(named))
    assert set(options.options) == {*OWN, *named}


def test_what_is_none_is_left_as_it_is():
    nothing = dict.fromkeys(Options(small()).options)
    assert Options(small(), **nothing).options == Options(small()).options


def test_options_can_be_set_later():
    options = Options(small())
    options.layer, options.congruence.x, options.ranking.k = 0, "forward", 2
    assert {"layer": 0, "x": "forward", "k": 2}.items() <= options.options.items()


def test_options_do_not_share_choices():
    first, second = Options(small()), Options(small(layers=1, actions=["no", "yes"]))
    first.ranking.k = 3
    assert second.ranking.k == 10
    assert first.param.layer.objects == [0, 1, "all"]
    assert second.param.layer.objects == [0, "all"]
    assert first.congruence.param.x.objects == ["left", "right", "forward"]
    assert second.congruence.param.x.objects == ["no", "yes"]


@pytest.mark.parametrize(
    ("actions", "pair"),
    [
        (["left", "right", "forward"], ("left", "right")),
        (["forward", "right", "left"], ("left", "right")),
        (["no", "maybe", "yes"], ("no", "yes")),
        (["only"], ("only", "only")),
    ],
)
def test_left_and_right_are_compared_or_the_first_and_the_last(actions, pair):
    options = Options(small(actions=actions))
    assert (options.congruence.x, options.congruence.y) == pair


@pytest.mark.parametrize(
    ("model", "spaces"),
    [
        ({}, ["weights", "out congruence", "in congruence"]),
        ({"features": []}, ["weights", "out congruence"]),
        ({"sides": ["out"]}, ["weights", "out congruence"]),
        ({"actions": []}, ["weights", "in congruence"]),
    ],
)
def test_only_spaces_that_the_model_has_can_be_chosen(model, spaces):
    assert list(Options(small(**model)).clustering.param.space.objects) == spaces


@pytest.mark.parametrize("sides", [["out"], ["out", "in"], ["out", "in", "gate"]])
def test_only_sides_that_the_model_has_can_be_chosen(sides):
    assert Options(small(sides=sides)).param.side.objects == sides


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"layer": 2}, UnknownName),
        ({"layer": -1}, UnknownName),
        ({"layer": "last"}, UnknownName),
        ({"layer": [0]}, UnknownName),
        ({"side": "gate"}, UnknownName),
        ({"x": "jump"}, UnknownName),
        ({"y": 3}, UnknownName),
        ({"space": "features"}, UnknownName),
        ({"method": "centroid"}, UnknownName),
        ({"distance": "1 − cos"}, UnknownName),
        ({"ranked_by": "norm"}, UnknownName),
        ({"clusters": 0}, BadArgument),
        ({"clusters": 2.5}, BadArgument),
        ({"norm_above": -1}, BadArgument),
        ({"norm_above": "long"}, BadArgument),
        ({"named": 7}, BadArgument),
        ({"k": 0}, BadArgument),
        ({"k": 51}, BadArgument),
        ({"k": "many"}, BadArgument),
        ({"threshold": 1.5}, BadArgument),
        ({"alike_to": "all"}, UnknownName),
        ({"alike_by": "any"}, UnknownName),
        ({"alike_count": 0}, BadArgument),
        ({"alike_count": 101}, BadArgument),
        ({"alike_count": 2.5}, BadArgument),
        ({"pairs_above": -0.1}, BadArgument),
        ({"layer_norm": "yes"}, BadArgument),
        ({"contrast": 1}, BadArgument),
        ({"optimal_order": "best"}, BadArgument),
    ],
    ids=str,
)
def test_an_option_that_cannot_be_is_told_with_what_can(wrong, error):
    [name] = wrong
    with pytest.raises(error, match="Expected") as caught:
        Options(small(), **wrong)
    assert name in str(caught.value)


@pytest.mark.parametrize("model", ["WorkingModel.pt", None, 3, Options])
def test_what_is_no_model_is_refused(model):
    with pytest.raises(BadArgument, match=r"dtviz\.load"):
        Options(model)
    options = Options(small())
    with pytest.raises(BadArgument, match="a Model"):
        options.model = model
    assert options.model.name == "small"


def test_choices_that_another_model_has_too_stay():
    options = Options(small(layers=3), layer=1, side="in", x="forward", space="in congruence")
    options.model = small(layers=2, actions=["forward", "right"])
    assert (options.layer, options.side) == (1, "in")
    assert (options.congruence.x, options.congruence.y) == ("forward", "right")
    assert options.clustering.space == "in congruence"


def test_choices_that_another_model_lacks_become_its_usual_ones():
    options = Options(small(layers=3), layer=2, side="in", x="forward", space="in congruence")
    options.model = small(layers=1, sides=["out"], actions=["no", "yes"], features=[])
    assert (options.layer, options.side) == (0, "out")
    assert (options.congruence.x, options.congruence.y) == ("no", "yes")
    assert options.clustering.space == "weights"


def test_each_option_says_what_it_is_for():
    options = Options(small())
    for owner in (options, *options.analyses):
        for name in owner.param:
            if name not in ("name", "model"):
                assert owner.param[name].doc
                assert owner.param[name].label
                assert isinstance(owner.param[name], param.Parameter)


# Tokens


@pytest.fixture(scope="module")
def words():
    return wordy()


def test_of_a_vocabulary_two_words_are_compared_and_what_is_written_ranked(words):
    options = Options(words).options
    assert (options["x"], options["y"]) == ("␣she", "␣him")
    assert options["ranked_by"] == "out congruence"
    assert Options(words, **options).options == options


@pytest.mark.parametrize("given", [["he", " him"], ("he", "␣him"), "he, him"])
def test_sets_of_tokens_can_be_given_as_a_list_or_a_text(words, given):
    options = Options(words, x=given, y="she").options
    assert (options["x"], options["y"]) == ("he,␣him", "she")
    assert Options(words, **options).options == options


def test_a_token_that_is_none_is_told_with_those_near(words):
    with pytest.raises(UnknownName, match="Near are '␣queen'"):
        Options(words, x="quene")
    with pytest.raises(BadArgument, match="several in a list"):
        Options(words, x=3)
    options = Options(words)
    with pytest.raises(UnknownName):
        options.congruence.y = ["he", "nobody"]
    assert options.congruence.y == "␣him"


def test_of_few_actions_there_are_no_sets():
    with pytest.raises(UnknownName, match="x to be one of"):
        Options(small(), x=["left", "right"])


def test_not_all_tokens_are_choices(words):
    options = Options(words, x="he,she")
    assert options.congruence.param.x.objects == ["he,she"]


def test_another_model_keeps_tokens_that_it_has_too(words):
    options = Options(small())
    options.model = words
    assert (options.congruence.x, options.congruence.y) == ("␣she", "␣him")
    assert options.ranking.ranked_by == "out congruence"
    options.congruence.x, options.ranking.ranked_by = "he,she", "in congruence"
    options.model = wordy(200)
    assert (options.congruence.x, options.congruence.y) == ("he,she", "␣him")
    assert options.ranking.ranked_by == "in congruence"
    options.model = small()
    assert (options.congruence.x, options.congruence.y) == ("left", "right")
    assert options.congruence.param.x.objects == ["left", "right", "forward"]


def test_what_was_chosen_to_be_ranked_stays(words):
    options = Options(small(), ranked_by="out × embedding")
    options.model = words
    assert options.ranking.ranked_by == "out × embedding"
