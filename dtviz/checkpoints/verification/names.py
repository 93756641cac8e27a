"""What the name of a parameter says of its place in a model."""

import re


def layer_of(name: str) -> tuple[str, int] | None:
    """Return the stack of layers and the number in it; None of what is in no layer."""
    # Of stacks within a stack, as in Funnel, each has layers of its own.
    found = re.match(r"(.*?(?:\.\d+)*)\.(\d+)\.", name)
    return None if found is None else (found[1], int(found[2]))
