"""The ``dtviz`` command."""

import sys

if __name__ == "__main__" and not sys.flags.safe_path:
    # `python -m` looks in the folder one works in first, which may be that of a model: no Python
    # file of it is to be taken for a module.
    del sys.path[0]

import argparse
import logging
import os
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from dtviz import __version__
from dtviz.errors import BadArgument, DtvizError, FileProblem, printable, shortened, told


class _Parser(argparse.ArgumentParser):
    """A parser that says in one line what is wrong."""

    def error(self, message: str) -> NoReturn:
        _say(f"{self.prog}: {message}; see {self.prog} --help")
        sys.exit(2)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status.

    It is 0, or 2 after one line on standard error; 130 if the user interrupted it, 141 if nobody
    reads what it prints.
    """
    try:
        try:
            return _run(arguments)
        finally:
            if sys.stdout is not None:  # None if it was closed before the start
                sys.stdout.flush()
    except OSError as error:  # nobody reads it any more, or a disk is full
        is_unread = isinstance(error, BrokenPipeError)
        if not is_unread:
            _say_unexpected(error)
        # Python writes what is left once more when it ends.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for descriptor in (1, 2):
            os.dup2(nowhere, descriptor)
        return 141 if is_unread else 2


def _run(arguments: Sequence[str] | None) -> int:
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        # Ended by its system, it leaves no half file and no worker behind either.
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:  # as by nohup
            signal.signal(number, lambda number, _: sys.exit(128 + number))
    # Of no hub's business: the versions of what is installed here.
    os.environ.setdefault("DO_NOT_TRACK", "1")
    try:
        options = _parser().parse_args(arguments)
        _check_folder()
        _have_home()
        options.run(options)
        return 0
    except DtvizError as error:
        _say(f"dtviz: {error}")
        return 2
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        _say_unexpected(error)
        return 2


def _say_unexpected(error: Exception) -> None:
    # The traceback goes to who has set up logging, not to the terminal.
    logging.getLogger("dtviz").addHandler(logging.NullHandler())
    _say(f"dtviz: {told(error)}")


def _say(text: str) -> None:
    """Print one line on standard error, whatever is in it."""
    if sys.stderr is not None:
        print(printable(text), file=sys.stderr)  # noqa: T201


def _check_folder() -> None:
    """Refuse to work in a folder that was removed: nothing could be named by its path."""
    try:
        os.getcwd()
    except OSError as error:
        raise FileProblem(
            expected="a folder to work in",
            got=f"one that is gone or cannot be read: {error.strerror}",
            do="Change to another folder.",
        ) from error


def _have_home() -> None:
    """Have a path for the home of a user who has none, as in a container: Bokeh asks for one."""
    try:
        Path.home()
    except RuntimeError:
        os.environ["HOME"] = os.devnull  # where nothing is found, and nothing kept


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="dtviz", description="See what the MLP neurons of a transformer read and write."
    )
    parser.add_argument("--version", action="version", version=f"dtviz {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    explore = commands.add_parser("explore", help="serve the explorer and open it in a browser")
    explore.add_argument(
        "checkpoint",
        nargs="?",
        type=_named,
        default="demo",
        metavar="CHECKPOINT",
        help="a .pt or .safetensors file; the directory, the GGUF file or the hub name of a "
        "language model; smollm2, where dtviz[lm] is installed; a folder of models; or a "
        "snapshot to go on with; the bundled demo without it",
    )
    explore.add_argument(
        "--port", type=_port, default=5006, help="the port to serve at (default: %(default)s)"
    )
    explore.add_argument(
        "--no-browser", action="store_true", help="serve only, without opening a browser"
    )
    group = explore.add_argument_group("to serve it to others")
    group.add_argument(
        "--address",
        default="127.0.0.1",
        help="the address to listen at: 0.0.0.0 for all of this machine (default: %(default)s, "
        "for nobody else)",
    )
    group.add_argument(
        "--allow-websocket-origin",
        action="append",
        default=[],
        metavar="HOST:PORT",
        help="as it stands in the browser's address; can be given more than once",
    )
    group.add_argument(
        "--auth",
        metavar="FILE",
        help="ask who it is: a file of passwords that `dtviz password` has written, or the name of "
        "one of Panel's OAuth providers",
    )
    group.add_argument(
        "--max-sessions",
        type=int,
        default=20,
        metavar="N",
        help="pages that can be open at once (default: %(default)s)",
    )
    group.add_argument(
        "--max-upload",
        type=int,
        default=200,
        metavar="MB",
        help="megabytes that a file opened from the page may have (default: %(default)s)",
    )
    group.add_argument(
        "--check",
        action="store_true",
        help="print what would be open to whom, within which limits, and serve nothing",
    )
    _add_model(explore)
    explore.set_defaults(run=_explore)

    password = commands.add_parser("password", help="set a user's password for explore --auth")
    password.add_argument("file", metavar="FILE", help="of passwords; made if there is none")
    password.add_argument("user", metavar="USER", help="the name to sign in with")
    password.set_defaults(run=_password)

    snapshot = commands.add_parser("snapshot", help="write the explorer to one linked HTML file")
    _add_checkpoint(snapshot)
    snapshot.add_argument("out", metavar="OUT.html", help="the file to write")
    snapshot.add_argument(
        "--select",
        type=lambda names: names.split(","),
        default=[],
        metavar="NAMES",
        help="neurons to select, as in L2N1,L2N132",
    )
    snapshot.set_defaults(run=_snapshot)

    table = commands.add_parser("table", help="write a table of neurons as CSV or Parquet")
    table.add_argument(
        "kind",
        metavar="KIND",
        help="neurons, pairs, top-k, clusters, summary, features, actions, "
        "embedding-unembedding, in-unembedding, out-embedding, or layers: all that is known of "
        "every neuron of every layer, with its vectors, as a folder of Parquet that can be opened "
        "like a checkpoint",
    )
    _add_checkpoint(table)
    table.add_argument(
        "--out",
        required=True,
        metavar="FILE",
        help="the file to write, .csv or .parquet; for layers the folder",
    )
    table.add_argument(
        "--dask",
        metavar="ADDRESS",
        help="for layers: compute on the Dask cluster with this scheduler, as in "
        "tcp://host:8786, instead of this machine's cores",
    )
    table.set_defaults(run=_table)

    verify = commands.add_parser(
        "verify", help="compare a model's vectors with its own forward pass"
    )
    verify.add_argument(
        "checkpoint",
        metavar="MODEL",
        help="the directory or the hub name of a language model",
    )
    verify.set_defaults(run=_verify)
    return parser


def _add_checkpoint(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "checkpoint",
        nargs="?",
        type=_named,
        default="demo",
        metavar="CHECKPOINT",
        help="a .pt or .safetensors file; the directory, the GGUF file or the hub name of a "
        "language model; or smollm2, where dtviz[lm] is installed; the bundled demo without it",
    )
    parser.add_argument(
        "--layer",
        type=lambda text: int(text) if text.isdecimal() else text,
        metavar="N",
        help='a layer\'s number, or "all" for the neurons of all; the last by default',
    )
    _add_model(parser)
    parser.add_argument(
        "--expert",
        type=lambda text: int(text) if text.isdecimal() else text,
        metavar="N",
        help='of layers with experts, the number of one, or "all"; of large ones the first by '
        "default",
    )


def _add_model(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--model",
        type=_named,
        metavar="MODEL",
        help="of an SAE or a transcoder, the model that it was trained on: its directory or hub "
        "name",
    )


def _named(text: str) -> str:
    if not text:
        raise argparse.ArgumentTypeError("expected a path or a name, got an empty one")
    return text


def _port(text: str) -> int:
    if not (text.isdecimal() and len(text) < 6 and int(text) < 2**16):
        raise argparse.ArgumentTypeError(f"expected a number up to 65535, got {shortened(text)}")
    return int(text)


def _verify(options: argparse.Namespace) -> None:
    from dtviz.checkpoints import reader, report_of

    for line in str(report_of(reader.read(options.checkpoint))).splitlines():
        print(printable(line))  # noqa: T201


def _explore(options: argparse.Namespace) -> None:
    # NumPy's idle threads would keep a core busy for 0.1 s after each product, which the browser
    # beside them needs; they have to be told before NumPy is imported.
    os.environ.setdefault("OPENBLAS_THREAD_TIMEOUT", "4")
    # Panel takes a second to import: only what serves pays for it.
    from dtviz.server.exposure import exposure
    from dtviz.server.serving import serve
    from dtviz.server.settings import Settings

    settings = Settings(
        address=options.address,
        port=options.port,
        origins=tuple(options.allow_websocket_origin),
        auth=options.auth,
        max_sessions=options.max_sessions,
        max_upload=options.max_upload,
    )
    if options.check:
        for line in exposure(options.checkpoint, settings):
            print(printable(line))  # noqa: T201
        return
    source = options.checkpoint
    if options.model is not None:
        from dtviz.checkpoints.reader import read

        serve(read(source, options.model), settings, open_browser=not options.no_browser)
        return
    # What lies here now is not looked for on the hub when it is gone.
    is_here = source != "demo" and os.path.exists(source)
    serve(Path(source) if is_here else source, settings, open_browser=not options.no_browser)


def _password(options: argparse.Namespace) -> None:
    from getpass import getpass

    from dtviz.server.passwords import set_password

    if sys.stdin.isatty():
        given = getpass(f"Password of {options.user}: ")
        if getpass("Again: ") != given:
            raise BadArgument(
                expected="the same password twice", got="two that differ", do="Type it again."
            )
    else:
        given = sys.stdin.readline().removesuffix("\n")
    set_password(Path(options.file), options.user, given)


def _snapshot(options: argparse.Namespace) -> None:
    from dtviz.checkpoints.reader import read
    from dtviz.explorer import Explorer

    explorer = Explorer(
        read(options.checkpoint, options.model), layer=options.layer, expert=options.expert
    )
    explorer.selection.names = options.select
    explorer.save(options.out)


def _table(options: argparse.Namespace) -> None:
    if options.kind == "layers":
        _layers(options)
        return
    if options.dask is not None:
        raise BadArgument(
            expected="--dask with the table 'layers'",
            got=f"it with {shortened(options.kind)}",
            do="Leave --dask away: this table is made here.",
        )
    from dtviz import tables
    from dtviz.checkpoints.reader import read
    from dtviz.study import Study

    study = Study(
        read(options.checkpoint, options.model), layer=options.layer, expert=options.expert
    )
    if options.expert is None and study.expert_in_view is not None:
        _say(f"dtviz: the neurons of expert {study.expert_in_view} alone; --expert all for all")
    if options.kind in tables.SURVEYED:
        study.survey_all()
    cut = tables.cut(options.kind, study)
    if cut:
        _say(f"dtviz: {cut}")
    tables.save(tables.table(options.kind, study), options.out, study.model)


def _layers(options: argparse.Namespace) -> None:
    for name in ("layer", "expert"):
        given = getattr(options, name)
        if given not in (None, "all"):
            raise BadArgument(
                expected=f"no --{name}, or --{name} all: the table 'layers' is of them all",
                got=f"--{name} {given}",
                do="Leave it away.",
            )
    from dtviz import partitions
    from dtviz.checkpoints.reader import read

    def tell(done: int, total: int) -> None:
        if sys.stderr.isatty():
            end = "\n" if done == total else "\r"
            print(f"{done:,} of {total:,} blocks of neurons", end=end, file=sys.stderr)  # noqa: T201

    model = read(options.checkpoint)
    with partitions.workers(options.dask) as executor:
        partitions.write(model, options.out, executor, tell)


if __name__ == "__main__":
    sys.exit(main())
