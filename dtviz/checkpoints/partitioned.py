"""A folder of Parquet that `dtviz table layers` wrote: what it holds of a model."""

import json
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from dtviz.checkpoints.files import WHOLE, check_links, file_bytes
from dtviz.checkpoints.parquet_file import parquet_file
from dtviz.directions import Directions, Float32, check_rows
from dtviz.errors import BadCheckpoint, DtvizError, shortened
from dtviz.later import Later
from dtviz.model import SIDES, Model, Side
from dtviz.verification_report import scales_of

# What tells the folder, what holds its neurons, and the vectors that these are compared with.
ABOUT = "model.json"
NEURONS = "neurons"
ITEMS = ("unembedding", "embedding", "rtg", "action_embedding", "time_embedding")

_FORMAT = "dtviz layers 1"
# Bytes of model.json; it has about a thousand.
_MOST_ABOUT = 1_000_000
# Numbers of vectors, in bytes, for each byte of the files that hold them: of a layer of zeros few.
_MOST_TIMES = 1000
_STATED = ("name", "processing", "normalization", "epsilon", "sha256")


def about(model: Model) -> dict[str, Any]:
    """Return what the folder's ``model.json`` says of a model."""
    stated = {name: getattr(model, name) for name in _STATED}
    shape: dict[str, Any] = {
        "n_layers": model.n_layers,
        "d_mlp": model.d_mlp,
        "d_model": model.d_model,
    }
    shape |= {"layers": model.layers, "groups": model.groups, "scales": dict(model.scales)}
    labels = {name: _label(getattr(model, name)) for name in ITEMS}
    return {
        "format": _FORMAT,
        **stated,
        **shape,
        "sides": list(model.sides),
        "agent": model.agent,
        "notes": model.notes,
        "labels": {name: label for name, label in labels.items() if label is not None},
    }


def _label(directions: Directions | None) -> str | None:
    return None if directions is None else directions.label


def vectors(rows: Float32) -> pa.FixedSizeListArray:
    """Return rows, (n, d), as a column of n lists of d numbers."""
    return pa.FixedSizeListArray.from_arrays(pa.array(rows.ravel()), rows.shape[1])


def is_partitioned(path: Path) -> bool:
    """Tell whether a path is that of such a folder."""
    return os.path.isfile(path / ABOUT)


def partitioned(path: Path) -> Model:
    """Return the model in a folder; its layers are read when they are asked for.

    Raises:
        BadCheckpoint: if something is missing or damaged.
    """
    try:
        check_links(path.rglob("*"), [path])
        said = json.loads(file_bytes(path / ABOUT, _MOST_ABOUT))
        if said["format"] != _FORMAT:
            raise ValueError(f"it says {shortened(said['format'])}")
        shape = (int(said["d_mlp"]), int(said["d_model"]))
        n_layers = len(list((path / NEURONS).glob("layer=*")))
        # Older ones say of all layers together how wide they are.
        layers = [int(layer) for layer in said.get("layers", range(n_layers))]
        groups = [
            [(str(label), int(count)) for label, count in each]
            for each in said.get("groups", [[("", shape[0])]] * n_layers)
        ]
        if {said["n_layers"], len(layers), len(groups)} != {n_layers}:
            raise ValueError(f"{n_layers} layers of {shortened(said['n_layers'])}")
        shapes = [(sum(count for _, count in each), shape[1]) for each in groups]
        if max(shapes)[0] != shape[0]:
            raise ValueError(f"{shortened(shape[0])} neurons a layer, and layers of other widths")
        sides: list[Side] = [side for side in SIDES if side in said["sides"]]
        for layer, size in zip(layers, shapes, strict=True):
            _check_size(size, (path / NEURONS / f"layer={layer}").iterdir())
        texts = [said["name"], said["processing"], said["sha256"] or ""]
        epsilon = float(said["epsilon"])
        if not (all(isinstance(text, str) for text in texts) and 0 <= epsilon < math.inf):
            raise ValueError("what it says of the model is of other kinds")
        shared = {"normalization": said["normalization"], "epsilon": epsilon}
        weights: Mapping[Side, Any] = {
            side: [
                _layer(path, layer, side, size) for layer, size in zip(layers, shapes, strict=True)
            ]
            for side in sides
        }
        items: dict[str, Any] = {
            name: _items(path / f"{name}.parquet", str(said["labels"][name]), shape[1], shared)
            for name in ITEMS
            if name in said["labels"]
        }
        bias = _bias(path / "unembedding.parquet")
        return Model(
            weights=weights,
            layers=layers,
            groups=groups,
            scales=scales_of(said.get("scales", {})),
            unembedding_bias=bias,
            agent=None if said["agent"] is None else (int(said["agent"][0]), int(said["agent"][1])),
            notes=tuple(str(note) for note in said["notes"]),
            source=str(path),
            **{name: said[name] for name in _STATED if name not in shared},
            **shared,
            **items,
        )
    except DtvizError:
        raise
    except Exception as error:  # of many kinds: each means that the folder is damaged
        raise _damaged(path, error) from error


def _check_size(shape: tuple[int, int], files: Iterable[Path]) -> None:
    """Refuse more vectors, (n, d), than files can hold: each has a name that no other has."""
    held = sum(file.stat().st_size for file in files)
    if min(shape) < 1 or max(shape[0], 4 * shape[0] * shape[1] // _MOST_TIMES) > held:
        raise ValueError(f"{shape} numbers in {held} bytes")


def _layer(path: Path, layer: int, side: Side, shape: tuple[int, int]) -> Later:
    folder = path / NEURONS / f"layer={layer}"
    return Later(shape, lambda: _vectors(sorted(folder.iterdir()), side, shape))


def _items(file: Path, label: str, d_model: int, shared: dict[str, Any]) -> Directions:
    with parquet_file(file) as read:
        shape = (read.metadata.num_rows, d_model)
        _check_size(shape, [file])
        check_rows(*shape, label)
        names = _names(read)
    rows: Any = Later(shape, lambda: _vectors([file], "vector", shape))
    return Directions(rows, names, label, **shared)


def _names(read: pq.ParquetFile) -> list[str]:
    """Read names that are all different; one that repeats is not read as often as it does."""
    names = read.read(columns=["name"])["name"].combine_chunks().dictionary_encode()
    if len(names.dictionary) != len(names):
        raise ValueError(f"{len(names.dictionary)} names of {len(names)} rows")
    # By NumPy: Arrow's own to_pylist takes ten times as long.
    found: list[str] = names.dictionary_decode().to_numpy(zero_copy_only=False).tolist()
    return found


def _vectors(files: Sequence[Path], column: str, shape: tuple[int, int]) -> Float32:
    """Read rows, (n, d), from files one after the other."""
    found = np.empty(shape, dtype=np.float32)
    begin = 0
    for file in files:
        try:
            rows = _rows(file, column, shape[1])
            if begin + len(rows) > len(found):
                raise ValueError(f"more than {len(found)} rows")
        except Exception as error:  # of many kinds: each means that the file is damaged
            raise _damaged(file, error) from error
        found[begin : begin + len(rows)] = rows
        begin += len(rows)
    if begin != len(found):
        raise _damaged(files[0].parent, ValueError(f"{begin} rows of {len(found)}"))
    found.flags.writeable = False
    return found


def _rows(file: Path, column: str, width: int) -> npt.NDArray[np.generic]:
    with parquet_file(file, **{column: width}) as read:
        held = read.read(columns=[column])[column].combine_chunks()
    numbers: npt.NDArray[np.generic] = held.flatten().to_numpy()
    return numbers.reshape(len(held), width)


def _bias(file: Path) -> Float32 | None:
    if not file.exists():
        return None
    with parquet_file(file, bias=1) as read:
        if "bias" not in read.schema_arrow.names:
            return None
        bias: Float32 = read.read(columns=["bias"])["bias"].to_numpy()
    return bias


def _damaged(where: Path, error: Exception) -> BadCheckpoint:
    return BadCheckpoint(
        expected="a folder that dtviz table layers wrote, whole",
        got=f"{shortened(os.sep.join(where.parts[-2:]))}: {shortened(str(error))}",
        do=WHOLE,
    )
