"""Partitions: what is known of every neuron of every layer, written as Parquet block by block.

Each block of neurons is a task of its own for an executor: the processes of this machine, or the
workers of a Dask cluster, through the same code.
"""

import contextlib
import io
import json
import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, Executor, ProcessPoolExecutor
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from dtviz.accelerator import product
from dtviz.analyses.products import congruences
from dtviz.analyses.ranking import rank_products
from dtviz.checkpoints import NAMES, load
from dtviz.checkpoints.confinement import uninterrupted
from dtviz.checkpoints.partitioned import ABOUT, ITEMS, NEURONS, about, vectors
from dtviz.directions import Directions, Float32
from dtviz.errors import BadArgument, BadCheckpoint, FileProblem, shortened
from dtviz.model import Model
from dtviz.options import Options
from dtviz.output import folder_written_whole

# Neurons of a block.
BLOCK = 1024
# Items listed at either end, and neighbours, of each neuron.
MOST_LISTED = 10


class Block(NamedTuple):
    """Some neurons of a layer, those from start up to stop, of the model in a source."""

    source: str
    sha256: str | None
    layer: int
    start: int
    stop: int


def write(
    model: Model,
    out: str | os.PathLike[str],
    executor: Executor,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> None:
    """Write what is known of every neuron of a model into a folder, which `dtviz.load` opens.

    In the folder are ``neurons/layer=N/part-NNNNN.parquet``, a row a neuron: its name and number,
    its vectors (out, in, gate) and their norms, the congruences x, y and difference (see
    `CongruenceAnalysis`) with the two actions or tokens that ``model.json`` names, the items that
    it writes and reads most and least with their congruences (out and in congruence, see
    `dtviz.space`), and the neurons of all layers whose out vectors resemble its own most, with
    their cosines. Beside them are the vectors that neurons are compared with. The same comes out
    on any executor.

    Args:
        model: one that `dtviz.load` opened; the executor's workers open it again, at the same
            path.
        out: the folder; one that is such a folder already is kept until the new one is complete.
        executor: runs the tasks, in other processes.
        progress: is told how many of how many blocks are done.

    Raises:
        BadArgument: if the model was not opened from a source, or ``out`` is something else.
        BadCheckpoint: if a worker finds another model there.
        FileProblem: if the folder cannot be written, or the workers are lost.
    """
    if model.source is None:
        raise BadArgument(
            expected="a model that dtviz.load opened",
            got=f"{model.name}, which was made of arrays or uploaded",
            do="Save it to a file and load that: other processes have to open it, too.",
        )
    source = model.source
    if source not in NAMES and os.path.exists(source):
        source = str(Path(source).resolve())  # workers may be in another folder
    blocks = [
        Block(source, model.sha256, layer, start, min(start + BLOCK, width))
        for layer, width in zip(model.layers, model.widths, strict=True)
        for start in range(0, width, BLOCK)
    ]
    pair = Options(model).congruence
    compared = {"x": pair.x, "y": pair.y}
    with folder_written_whole(out, ABOUT) as folder:
        (folder / ABOUT).write_text(json.dumps(about(model) | compared, indent=1))
        for name in ITEMS:
            directions: Directions | None = getattr(model, name)
            if directions is not None:
                columns = {"name": directions.names, "vector": vectors(directions.vectors)}
                bias = model.unembedding_bias
                if name == "unembedding" and bias is not None:
                    columns["bias"] = bias
                # Opened here: the path may be none that Arrow can have.
                with (folder / f"{name}.parquet").open("wb") as file:
                    pq.write_table(pa.table(columns), file)
        try:
            with uninterrupted():
                results = executor.map(encoded, blocks)
            for done, (block, data) in enumerate(zip(blocks, results, strict=True)):
                partition = folder / NEURONS / f"layer={block.layer}"
                partition.mkdir(parents=True, exist_ok=True)
                (partition / f"part-{block.start // BLOCK:05}.parquet").write_bytes(data)
                progress(done + 1, len(blocks))
        except BrokenExecutor as error:
            raise _lost(error) from error


@contextlib.contextmanager
def workers(address: str | None) -> Iterator[Executor]:
    """Yield what runs the tasks: this machine's cores, or a Dask cluster.

    Args:
        address: of the cluster's scheduler, as in "tcp://host:8786"; None for this machine.

    Raises:
        BadArgument: if Dask is not installed.
        FileProblem: if there is no cluster at the address.
    """
    if address is None:
        others = multiprocessing.active_children()
        # Not forked: that would copy the locks of Torch's threads.
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(mp_context=context, initializer=_end_with_parent) as pool:
            try:
                yield pool
            except BaseException:  # what they are at is of no use now
                for worker in set(multiprocessing.active_children()) - set(others):
                    worker.terminate()
                raise
        return
    try:
        from distributed import Client, KilledWorker
    except ImportError as error:
        raise BadArgument(
            expected="Dask, for a cluster",
            got="none installed",
            do="Install it: pip install 'dtviz[dask]'.",
        ) from error
    try:
        client = Client(address, timeout="10s", set_as_default=False)
    except (OSError, ValueError) as error:
        raise FileProblem(
            expected="a Dask scheduler at the address",
            got=f"none at {shortened(address)}",
            do="Start one with dask scheduler, and give the address that it prints.",
        ) from error
    # A task whose worker is lost is done by another; KilledWorker after the fourth.
    with client, client.get_executor() as executor:
        try:
            yield executor
        except KilledWorker as error:
            raise _lost(error) from error


def _end_with_parent() -> None:
    """Have this process end as soon as the one that started it has, whatever ended that."""
    parent = multiprocessing.parent_process()
    assert parent is not None  # noqa: S101

    def wait() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def _lost(error: Exception) -> FileProblem:
    return FileProblem(
        expected="workers that do their part to the end",
        got=shortened(str(error)),
        do="Look at the workers' logs and at the memory that they have, then run it again.",
    )


def encoded(block: Block) -> bytes:
    """Return the rows of a block as a Parquet file; a worker calls this."""
    buffer = io.BytesIO()
    pq.write_table(_table(_opened(block.source, block.sha256), block), buffer)
    return buffer.getvalue()


@lru_cache(maxsize=1)
def _opened(source: str, sha256: str | None) -> Model:
    """Open a model, once a process."""
    model = load(source)
    if model.sha256 != sha256:
        raise BadCheckpoint(
            expected=f"the same model on each worker, whose sha256 is {sha256}",
            got=f"{model.sha256} at {shortened(source)}",
            do="Put the same file at that path on every machine.",
        )
    return model


def _table(model: Model, block: Block) -> pa.Table:
    rows = range(block.start, block.stop)
    sides = {side: model.neurons(block.layer, side).subset(rows) for side in model.sides}
    out = sides["out"]
    columns: dict[str, Any] = {"name": out.names, "neuron": np.array(rows, dtype=np.int32)}
    for side, neurons in sides.items():
        columns |= {side: vectors(neurons.vectors), f"norm_{side}": neurons.norms}
    if model.unembedding is not None:
        compared = Options(model).congruence(out, "out", model.unembedding)
        columns |= {str(name): compared[name].to_numpy() for name in compared}
        columns |= _listed("writes", out.layer_normed(), model.unembedding, layer_norm=False)
    if model.embedding is not None and "in" in sides:
        columns |= _listed("reads", sides["in"], model.embedding, layer_norm=True)
    places, cosines = neighbours(model, block.layer, rows)
    every = model.neurons("all").names
    names = [[every[place] for place in found] for found in places.tolist()]
    columns["neighbours"] = pa.array(names, pa.list_(pa.string()))
    columns["neighbours_cosine"] = vectors(cosines)
    return pa.table(columns)


def _listed(
    what: str, neurons: Directions, items: Directions, *, layer_norm: bool
) -> dict[str, Any]:
    ranking = rank_products(congruences(neurons, items, layer_norm=layer_norm), MOST_LISTED)
    names = np.array(ranking.items, dtype=object)[ranking.columns]
    columns: dict[str, Any] = {}
    for end, place in (("most", slice(None, ranking.k)), ("least", slice(ranking.k, None))):
        columns[f"{what}_{end}"] = pa.array(names[:, place].tolist(), pa.list_(pa.string()))
        columns[f"{what}_{end}_value"] = vectors(ranking.values[:, place])
    return columns


def neighbours(
    model: Model, layer: int, rows: range, most: int = MOST_LISTED
) -> tuple[npt.NDArray[np.int64], Float32]:
    """Return the neurons of all layers whose out vectors resemble some neurons' most.

    Args:
        model: whose neurons are looked at, a layer at a time.
        layer, rows: which neurons' neighbours are wanted, n.
        most: how many of each; in a small model there are fewer.

    Returns:
        Their places among the neurons of all layers, and their cosines, (n, most) both: the
        greatest |cosine| first. A neuron is not its own neighbour.
    """
    unit = model.neurons(layer).subset(rows).unit().vectors
    most = min(most, sum(model.widths) - 1)
    # The best so far, and what is as good as nothing.
    places = np.zeros((len(unit), most), dtype=np.int64)
    cosines = np.zeros((len(unit), most), dtype=np.float32)
    strengths = np.full((len(unit), most), -1, dtype=np.float32)
    starts = np.cumsum((0, *model.widths))
    for other, start in zip(model.layers, starts, strict=False):
        found = np.clip(product(unit, model.neurons(other).unit().vectors), -1, 1)
        strength = np.abs(found)
        if other == layer:
            strength[np.arange(len(unit)), rows] = -1
        here = start + np.broadcast_to(np.arange(found.shape[1]), found.shape)
        strengths = np.concatenate([strengths, strength], axis=1)
        chosen = np.argpartition(-strengths, most - 1, axis=1)[:, :most]
        places, cosines, strengths = (
            np.take_along_axis(values, chosen, axis=1)
            for values in (
                np.concatenate([places, here], axis=1),
                np.concatenate([cosines, found], axis=1),
                strengths,
            )
        )
    order = np.lexsort((places, -strengths), axis=1)
    return np.take_along_axis(places, order, axis=1), np.take_along_axis(cosines, order, axis=1)
