import panel as pn
import panel_material_ui as pmui
import param
import pytest

from dtviz.options import Options
from dtviz.views.controls import controls

from ..tabs.models import small


@pytest.fixture
def options():
    return Options(small())


def every(options):
    owners = options.analyses[:-2]  # of the others one each
    return [
        options.param.layer,
        options.param.side,
        *(owner.param[name] for owner in owners for name in owner.param if name != "name"),
        options.exemplar.param.threshold,
        options.pairs.param.pairs_above,
    ]


@pytest.mark.parametrize("toolkit", [pmui, pn.widgets])
def test_each_option_has_a_widget_with_its_label_and_its_value(options, toolkit):
    parameters = every(options)
    widgets = controls(toolkit, parameters)
    for parameter, widget in zip(parameters, widgets, strict=True):
        assert parameter.label in (widget.name, getattr(widget, "label", None))
        assert widget.value == getattr(parameter.owner, parameter.name)


@pytest.mark.parametrize("toolkit", [pmui, pn.widgets])
def test_widget_and_option_follow_each_other(options, toolkit):
    [layer, named, k] = controls(
        toolkit, [options.param.layer, options.features.param.named, options.ranking.param.k]
    )
    layer.value = "all"
    assert options.layer == "all"
    named.value = "key"
    assert options.features.named == "key"
    options.ranking.k = 3
    assert k.value == 3


def test_widgets_tell_what_they_are_for(options):
    for parameter, widget in zip(every(options), controls(pmui, every(options)), strict=True):
        assert widget.description == parameter.doc


def test_a_number_with_both_ends_is_a_slider(options):
    [threshold, norm] = controls(
        pn.widgets, [options.exemplar.param.threshold, options.features.param.norm_above]
    )
    assert (threshold.start, threshold.end, threshold.step) == (0, 1, 0.01)
    assert isinstance(threshold, pn.widgets.FloatSlider)
    assert isinstance(norm, pn.widgets.FloatInput)


def test_an_event_is_a_button():
    class Owner(param.Parameterized):
        go = param.Event(label="Go")

    [button] = controls(pn.widgets, [Owner().param.go])
    assert isinstance(button, pn.widgets.Button)


@pytest.mark.parametrize("toolkit", [pmui, pn.widgets])
def test_what_matters_only_at_times_shows_then(options, toolkit):
    parameters = [options.clustering.param.exact_up_to, options.clustering.param.clusters]
    matters = pn.bind(lambda k: k > 5, options.ranking.param.k)
    at_times, always = controls(toolkit, parameters, {"exact_up_to": matters})
    for k in (9, 3, 9):
        options.ranking.k = k
        assert at_times.visible == (k > 5)
        assert always.visible


@pytest.mark.parametrize("toolkit", [pmui, pn.widgets])
def test_no_choice_is_called_by_an_icon(toolkit):
    class Owner(param.Parameterized):
        which = param.Selector(objects={"plain": 1, ":material/home: a": 2})

    owner = Owner()
    [select] = controls(toolkit, [owner.param.which])
    assert select.options == {"plain": 1, ":material\u2060/home: a": 2}
    owner.param.which.objects = {"other": object(), "and :material/lock@color=red:": 3}
    assert list(select.options) == ["other", "and :material\u2060/lock@color=red:"]
    select.value = 3
    assert owner.which == 3
