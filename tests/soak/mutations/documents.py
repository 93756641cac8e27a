"""Documents of sessions: files of named sets, and snapshots, which say what was shown."""

import json
import re
from random import Random
from typing import Any

from .json_values import NUMBERS, VALUES, change, written

_ABOUT = re.compile(rb'(<script type="application/json" id="about">)(.*?)(</script>)', re.DOTALL)
_TEXTS = ("", "L2N1", "L9N9", "x" * 100_000, "\ud800", "\u202e", "</script>", "=1+1", "a\nb", "#")
_COLOURS = ("#0072B2", "#0072b2", "red", "#12345", "url(x)", "#ffffff;", 5, None, "")


def sets_changed(random: Random, data: bytes) -> bytes:
    """Change a file of sets: what it says of itself, or the sets in it."""
    try:
        held = json.loads(data)
    except (ValueError, RecursionError):  # changed before
        return data
    if not isinstance(held, dict):
        return data
    for _ in range(random.choice((1, 1, 2, 4))):
        entries = held.get("sets")
        act = random.randrange(5)
        if act == 0:
            held[random.choice(("dtviz", "version", "model", "sha256", "processing", "sets"))] = (
                random.choice(VALUES)
            )
        elif act == 1 and isinstance(entries, list):
            many = random.choice((1, 2, 1000))
            entries += [_set(random, 3 if many == 1000 else 10_000) for _ in range(many)]
        elif act == 2 and isinstance(entries, list) and entries:
            one = random.choice(entries)
            if isinstance(one, dict) and one:
                one[random.choice(list(one))] = random.choice((*VALUES, *_TEXTS))
        else:
            change(random, held)
    return written(held)


def _set(random: Random, most: int) -> dict[str, Any]:
    texts = (*_TEXTS, *NUMBERS)
    names = [random.choice(_TEXTS) for _ in range(random.choice((0, 1, 3)))]
    if random.random() < 0.2:
        names = [f"L2N{number}" for number in range(most)]
    return {
        "name": random.choice(texts),
        "names": names,
        "note": random.choice(texts),
        "colour": random.choice(_COLOURS),
    }


def snapshot_changed(random: Random, data: bytes) -> bytes:
    """Change what a snapshot says about itself: options, selection and sets."""
    said = _ABOUT.search(data)
    if said is None:  # changed before
        return data
    try:
        about = json.loads(said[2])
    except (ValueError, RecursionError):
        return data
    if isinstance(about, dict):
        for _ in range(random.choice((1, 1, 2, 4))):
            _change_about(random, about)
    new = written(about).replace(b"</", b"<\\/")
    if random.random() < 0.1:
        new = random.choice((b"", b"{", b"[]", b"null", b"{}", new[:-1], new + new, new * 2))
    return data[: said.start(2)] + new + data[said.end(2) :]


def _change_about(random: Random, about: dict[str, Any]) -> None:
    options = about.get("options")
    act = random.randrange(6)
    if act <= 1 and isinstance(options, dict) and options:
        key = random.choice((*options, "model", "x" * 1000, "self", "name"))
        others = [value for value in options.values() if type(value) is not type(options.get(key))]
        options[key] = random.choice((*VALUES, *others, *_TEXTS))
    elif act == 2:
        names = [random.choice(_TEXTS) for _ in range(3)]
        about["selected"] = random.choice((names, [f"L2N{i}" for i in range(10_000)], *VALUES))
    elif act == 3 and isinstance(about.get("sets"), str):
        about["sets"] = sets_changed(random, about["sets"].encode()).decode(errors="replace")
    elif act == 4:
        about[random.choice(("options", "selected", "sets", "model", "dtviz"))] = random.choice(
            VALUES
        )
    else:
        change(random, about)
