"""Sets: selections of neurons that are kept under a name, and files of them."""

import json
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd
import param

from dtviz.errors import BadArgument, FileProblem, UnknownName, listed, shortened
from dtviz.model import Model
from dtviz.output import is_text, read_start, write_whole

# Okabe and Ito's (2008), with brown for black, which a dark page would hide: colour-blind readers
# tell them apart, and from the accent of what is selected.
PALETTE = (
    "#0072B2",
    "#E69F00",
    "#009E73",
    "#CC79A7",
    "#D55E00",
    "#56B4E9",
    "#F0E442",
    "#8B5A2B",
)
MOST_CHARACTERS = 80
MOST_BYTES = 10_000_000
# Each is drawn, with a row of its own: of more a page would stand still.
MOST_SETS = 200

_KIND = "neuron sets"
_VERSION = 1
_OURS = "Choose a file that dtviz wrote, or write the sets again."
_MOST_NAMED = 10


@dataclass(frozen=True)
class NeuronSet:
    """A set of neurons that has a name.

    Args:
        name: at most 80 characters.
        names: of the neurons, each once; kept as a tuple.
        note: what a user writes about it.
        colour: as in "#0072b2".

    Raises:
        BadArgument: if one of them is none of that.
    """

    name: str
    names: tuple[str, ...]
    note: str = ""
    colour: str = PALETTE[0]

    def __post_init__(self) -> None:
        if not (is_text(self.name) and self.name.strip() and len(self.name) <= MOST_CHARACTERS):
            raise BadArgument(
                expected=f"the name of a set, of 1 to {MOST_CHARACTERS} characters",
                got=shortened(self.name),
                do="Give the set a short name.",
            )
        if isinstance(self.names, list | tuple):
            object.__setattr__(self, "names", tuple(self.names))
        if not (isinstance(self.names, tuple) and all(map(is_text, self.names))):
            raise BadArgument(
                expected=f"the neurons of {self.name!r} as a list of names",
                got=shortened(self.names),
                do='Pass names in a list, as in ["L2N1", "L2N132"].',
            )
        if len(set(self.names)) != len(self.names):
            raise BadArgument(
                expected=f"each neuron of {self.name!r} once",
                got=f"{len(self.names)} names, of which {len(set(self.names))} differ",
                do="Leave out those that repeat.",
            )
        if not is_text(self.note):
            raise BadArgument(
                expected=f"the note of {self.name!r} as text",
                got=shortened(self.note),
                do="Pass text, or leave the note out.",
            )
        if not (isinstance(self.colour, str) and re.fullmatch("#[0-9a-fA-F]{6}", self.colour)):
            raise BadArgument(
                expected=f"the colour of {self.name!r} as #rrggbb",
                got=shortened(self.colour),
                do=f'Pass colour="{PALETTE[0]}", for instance.',
            )

    def __len__(self) -> int:
        return len(self.names)


class _Items(param.Parameter):
    """Sets whose names differ, which is checked before they are set."""

    def __set__(self, obj: "Sets", value: Any) -> None:
        super().__set__(obj, _checked(value))


class Sets(param.Parameterized):
    """The sets of neurons that a user keeps, in the order in which they were made.

    Watch ``items`` to hear of changes.
    """

    items = _Items(default=(), doc="The sets; a tuple of NeuronSets whose names differ.")

    def __len__(self) -> int:
        return len(self.items)

    def __iter__(self) -> Iterator[NeuronSet]:
        return iter(self.items)

    def __contains__(self, name: object) -> bool:
        return any(one.name == name for one in self)

    def __getitem__(self, name: str) -> NeuronSet:
        for one in self:
            if one.name == name:
                return one
        raise UnknownName(
            expected="the name of a set",
            got=shortened(name),
            do=f"Choose one of {listed([one.name for one in self])}."
            if self
            else "Save one first.",
        )

    def __repr__(self) -> str:
        return f"Sets({', '.join(f'{one.name!r}: {len(one)}' for one in self)})"

    def save(
        self, name: str, names: Iterable[str], note: str = "", colour: str | None = None
    ) -> NeuronSet:
        """Keep neurons under a name, instead of those that it stood for; return the set.

        Args:
            name: of the set.
            names: of the neurons.
            note: what to say about it.
            colour: as "#rrggbb"; by default that of the set it replaces, or the next of the
                palette.

        Raises:
            BadArgument: if these make no set; see `NeuronSet`.
        """
        if colour is None:
            used = [one.colour for one in self]
            colour = self[name].colour if name in self else min(PALETTE, key=used.count)
        is_collection = isinstance(names, Iterable) and not isinstance(names, str)
        neurons: Any = tuple(names) if is_collection else names
        saved = NeuronSet(name, neurons, note, colour)
        self.items = _merged(self.items, (saved,))
        return saved

    def remove(self, name: str) -> None:
        """Forget a set.

        Raises:
            UnknownName: if there is none of that name.
        """
        gone = self[name]
        self.items = tuple(one for one in self if one is not gone)

    def union(self, a: str, b: str) -> list[str]:
        """Return the neurons of either of two sets.

        Raises:
            UnknownName: if there is no set of that name.
        """
        return list(dict.fromkeys([*self[a].names, *self[b].names]))

    def intersection(self, a: str, b: str) -> list[str]:
        """Return the neurons of both of two sets.

        Raises:
            UnknownName: if there is no set of that name.
        """
        other = set(self[b].names)
        return [name for name in self[a].names if name in other]

    def difference(self, a: str, b: str) -> list[str]:
        """Return the neurons of one set that another has not.

        Raises:
            UnknownName: if there is no set of that name.
        """
        other = set(self[b].names)
        return [name for name in self[a].names if name not in other]

    def frame(self, table: pd.DataFrame) -> pd.DataFrame:
        """Return what the neurons of each set are like.

        Args:
            table: the neuron table of those in view.

        Returns:
            A row for each set, indexed by its name: n (neurons), in_view (those that the table
            has), and of these mean_x, mean_y and mean_difference, NaN where there are none.
        """
        rows = {}
        for one in self:
            found = table[table.index.isin(one.names)]
            means = found[["x", "y", "difference"]].mean().add_prefix("mean_")
            rows[one.name] = {"n": len(one), "in_view": len(found), **means}
        columns = ["n", "in_view", "mean_x", "mean_y", "mean_difference"]
        return pd.DataFrame.from_dict(rows, orient="index", columns=columns)

    def to_json(self, model: Model) -> str:
        """Return the sets as a JSON file, which says of which model they are."""
        file = {
            "dtviz": _KIND,
            "version": _VERSION,
            "model": model.name,
            "sha256": model.sha256,
            "processing": model.processing,
            "sets": [asdict(one) for one in self],
        }
        return json.dumps(file, indent=1, ensure_ascii=False)

    @staticmethod
    def from_json(text: str | bytes) -> tuple[tuple[NeuronSet, ...], dict[str, str | None]]:
        """Return the sets in a JSON file, and of which model they are.

        Returns:
            The sets, and a header with the keys model, sha256 and processing.

        Raises:
            BadArgument: if it is no such file.
        """
        if len(text) > MOST_BYTES:
            raise BadArgument(
                expected=f"a file of neuron sets, of at most {MOST_BYTES // 1_000_000} MB",
                got="more",
                do=_OURS,
            )
        try:
            file = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise BadArgument(
                expected="a file of neuron sets, as JSON", got="one that is no JSON", do=_OURS
            ) from error
        if not isinstance(file, dict) or file.get("dtviz") != _KIND:
            raise BadArgument(
                expected="a file of neuron sets", got="JSON of another kind", do=_OURS
            )
        version = file.get("version")
        if type(version) is not int or not 1 <= version <= _VERSION:
            raise BadArgument(
                expected=f"neuron sets of version {_VERSION}",
                got=f"version {shortened(version)}",
                do="Install the newest dtviz to read it.",
            )
        header = {key: file.get(key) for key in ("model", "sha256", "processing")}
        if not all(value is None or is_text(value) for value in header.values()):
            raise BadArgument(
                expected="the model's name, hash and processing as text",
                got=shortened(header),
                do=_OURS,
            )
        entries = file.get("sets")
        if not isinstance(entries, list):
            raise BadArgument(expected="a list of neuron sets", got=shortened(entries), do=_OURS)
        return _checked([_from_entry(entry) for entry in entries]), header

    def write(self, path: str | os.PathLike[str], model: Model) -> None:
        """Write the sets to a JSON file; one that exists is kept until the new one is complete.

        Raises:
            FileProblem: if the file cannot be written.
        """
        write_whole(path, self.to_json(model).encode())

    def read(self, source: str | os.PathLike[str] | bytes, model: Model) -> str:
        """Take in the sets of a file; those of the same name are replaced, the others stay.

        Neurons that the model does not have are left out.

        Args:
            source: the path of the file, or what is in it.
            model: the model in view.

        Returns:
            A sentence on what to know: that the file was made with another checkpoint or other
            processing, and which neurons were left out. Empty if all is well.

        Raises:
            FileProblem: if the file cannot be read.
            BadArgument: if it holds no neuron sets; the sets stay as they were.
        """
        read, header = self.from_json(source if isinstance(source, bytes) else _content(source))
        known = set(model.neurons("all").names)
        missing = dict.fromkeys(name for one in read for name in one.names if name not in known)
        fitting = tuple(
            NeuronSet(one.name, tuple(filter(known.__contains__, one.names)), one.note, one.colour)
            for one in read
        )
        self.items = _merged(self.items, fitting)
        return _remarks(header, model, list(missing))


def _checked(sets: Any) -> tuple[NeuronSet, ...]:
    if not (isinstance(sets, list | tuple) and all(isinstance(one, NeuronSet) for one in sets)):
        raise BadArgument(
            expected="NeuronSets in a tuple",
            got=shortened(sets),
            do="Save one with save(name, names).",
        )
    if len(sets) > MOST_SETS:
        raise BadArgument(
            expected=f"at most {MOST_SETS:,} sets",
            got=f"{len(sets):,}",
            do="Remove some that are saved, or take in a file with fewer.",
        )
    seen = set()
    for one in sets:
        if one.name in seen:
            raise BadArgument(
                expected="sets whose names differ",
                got=f"{one.name!r} more than once",
                do="Give one of them another name.",
            )
        seen.add(one.name)
    if sum(map(_size, sets)) > MOST_BYTES:
        raise BadArgument(
            expected=f"sets of at most {MOST_BYTES // 1_000_000} MB together",
            got="more",
            do="Remove some that are saved, or save fewer neurons.",
        )
    return tuple(sets)


def _size(one: NeuronSet) -> int:
    """Return about how many bytes a set has in a file."""
    return 100 + len(one.name) + len(one.note) + sum(len(name) + 4 for name in one.names)


def _merged(sets: tuple[NeuronSet, ...], others: tuple[NeuronSet, ...]) -> tuple[NeuronSet, ...]:
    """Return sets with others, each in the place of the one of its name, or last."""
    return tuple({one.name: one for one in (*sets, *others)}.values())


def _from_entry(entry: object) -> NeuronSet:
    fields = ("name", "names", "note", "colour")
    if not (isinstance(entry, dict) and all(field in entry for field in fields)):
        raise BadArgument(
            expected=f"a set with {', '.join(fields)}", got=shortened(entry), do=_OURS
        )
    return NeuronSet(*(entry[field] for field in fields))


def _content(path: str | os.PathLike[str]) -> bytes:
    try:
        return read_start(path, MOST_BYTES + 1)
    except (OSError, ValueError) as error:  # a ValueError for a path with a null character
        raise FileProblem(
            expected="a file of neuron sets that can be read",
            got=f"{shortened(str(path))}: {getattr(error, 'strerror', error)}",
            do="Check the path and the permissions of the file.",
        ) from error


def _remarks(header: dict[str, str | None], model: Model, missing: list[str]) -> str:
    remarks = []
    if header["sha256"] != model.sha256:
        remarks.append(f"the sets were made with another checkpoint, {shortened(header['model'])}")
    elif header["processing"] != model.processing:
        processing = shortened(header["processing"])
        remarks.append(f"the sets were made with other processing of the weights, {processing}")
    if missing:
        named = ", ".join(shortened(name) for name in missing[:_MOST_NAMED])
        more = f" and {len(missing) - _MOST_NAMED} more" if len(missing) > _MOST_NAMED else ""
        remarks.append(f"neurons that this model does not have were left out: {named}{more}")
    sentence = "; ".join(remarks)
    return sentence and f"{sentence[0].upper()}{sentence[1:]}."
