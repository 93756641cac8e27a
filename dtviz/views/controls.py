"""The explorer's controls: a labelled widget, with a tooltip, for each option."""

from typing import Any

import panel as pn
import panel_material_ui as pmui
import param


def controls(explorer: param.Parameterized, *options: param.Parameterized) -> pn.Column:
    """Return widgets for the parameters layer and side, and for all those of ``options``.

    Args:
        explorer: has the parameters layer and side.
        options: the analyses' Param objects.
    """
    parameters = [explorer.param.layer, explorer.param.side]
    for owner in options:
        parameters += [
            parameter for name in owner.param if (parameter := owner.param[name]) and name != "name"
        ]
    return pn.Column(*(_widget(parameter) for parameter in parameters), sizing_mode="stretch_width")


def _widget(parameter: param.Parameter) -> Any:
    kinds = {param.Boolean: pmui.Switch, param.Integer: pmui.IntSlider, param.Selector: pmui.Select}
    kind = kinds[type(parameter)]
    widget = kind.from_param(
        parameter, label=parameter.label, description=parameter.doc, sizing_mode="stretch_width"
    )
    return widget
