"""The explorer's controls: a labelled widget, with a tooltip, for each option."""

from typing import Any

import panel as pn
import param


def controls(
    toolkit: Any, explorer: param.Parameterized, *options: param.Parameterized
) -> pn.Column:
    """Return widgets for the parameters layer and side, and for all those of ``options``.

    Args:
        toolkit: has the widgets Select, Switch and IntSlider: panel_material_ui on a served page;
            panel.widgets in a notebook, where the former would be fetched from the network.
        explorer: has the parameters layer and side.
        options: the analyses' Param objects.
    """
    parameters = [explorer.param.layer, explorer.param.side]
    for owner in options:
        parameters += [
            parameter for name in owner.param if (parameter := owner.param[name]) and name != "name"
        ]
    return pn.Column(
        *(_widget(toolkit, parameter) for parameter in parameters), sizing_mode="stretch_width"
    )


def _widget(toolkit: Any, parameter: param.Parameter) -> Any:
    kinds = {
        param.Boolean: toolkit.Switch,
        param.Integer: toolkit.IntSlider,
        param.Selector: toolkit.Select,
    }
    kind = kinds[type(parameter)]
    named = {"name": parameter.label, "description": parameter.doc}
    # Not every widget of Panel's own has a tooltip.
    known = {key: value for key, value in named.items() if key in kind.param}
    return kind.from_param(parameter, sizing_mode="stretch_width", **known)
