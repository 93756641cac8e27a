"""The explorer's controls: a labelled widget, with a tooltip, for each option."""

from collections.abc import Iterable, Mapping
from typing import Any

import param

# Looks like what panel-material-ui makes an icon of, which it leaves as it is.
_JOINED = ":material\u2060/"


def controls(
    toolkit: Any, parameters: Iterable[param.Parameter], shown: Mapping[str, Any] | None = None
) -> list[Any]:
    """Return a widget for each parameter.

    Args:
        toolkit: has the widgets Select, Switch, IntSlider and so on: panel_material_ui on a served
            page; panel.widgets in a notebook, where the former would be fetched from the network.
        parameters: of analyses, or of what shows them.
        shown: by the names of parameters that matter only at times, whether their widgets show.
    """
    shown = shown or {}
    return [_widget(toolkit, one, shown.get(str(one.name), True)) for one in parameters]


def _widget(toolkit: Any, parameter: param.Parameter, shown: Any) -> Any:
    kinds = {
        param.Boolean: toolkit.Switch,
        param.Event: toolkit.Button,
        param.Integer: toolkit.IntSlider,
        param.Number: toolkit.FloatInput if None in _bounds(parameter) else toolkit.FloatSlider,
        param.Selector: toolkit.Select,
        param.String: toolkit.TextInput,
    }
    kind = next(kinds[cls] for cls in type(parameter).__mro__ if cls in kinds)
    named = {"name": parameter.label, "description": parameter.doc}
    # Not every widget of Panel's own has a tooltip.
    known = {key: value for key, value in named.items() if key in kind.param}
    if type(parameter) is param.Number:
        known["step"] = parameter.step or 0.1
    widget = kind.from_param(parameter, sizing_mode="stretch_width", visible=shown, **known)
    if kind is toolkit.Select:
        _call_as_they_are(widget)
    if kind in (toolkit.Select, toolkit.Switch):
        # A choice is made at once: Panel would wait for others to follow, as from a slider.
        widget._debounce = 1
    return widget


def _call_as_they_are(select: Any) -> None:
    """Let choices be called what they are: panel-material-ui would make icons of some names."""

    def call(*_: object) -> None:
        choices = select.options
        named = {name.replace(":material/", _JOINED): one for name, one in choices.items()}
        if any(name not in choices for name in named):
            select.options = named

    call()
    select.param.watch(call, "options")


def _bounds(parameter: param.Parameter) -> tuple[Any, Any]:
    """Return the least and the greatest value, None where there is none."""
    return getattr(parameter, "bounds", None) or (None, None)
