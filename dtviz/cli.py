"""The ``dtviz`` command."""

import argparse
import sys
from collections.abc import Sequence

from dtviz import __version__
from dtviz.errors import DtvizError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status: 0, or 2 after one line on standard error."""
    parser = argparse.ArgumentParser(
        prog="dtviz", description="See what the MLP neurons of a transformer read and write."
    )
    parser.add_argument("--version", action="version", version=f"dtviz {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    explore = commands.add_parser("explore", help="serve the explorer and open it in a browser")
    explore.add_argument(
        "checkpoint",
        nargs="?",
        default="demo",
        metavar="CHECKPOINT",
        help="a .pt or .safetensors file, or a folder of them; the bundled demo without it",
    )
    explore.add_argument(
        "--port", type=int, default=5006, help="the port to serve at (default: %(default)s)"
    )
    explore.add_argument(
        "--no-browser", action="store_true", help="serve only, without opening a browser"
    )
    explore.set_defaults(run=_explore)
    options = parser.parse_args(arguments)
    try:
        options.run(options)
    except DtvizError as error:
        print(f"dtviz: {error}", file=sys.stderr)  # noqa: T201
        return 2
    return 0


def _explore(options: argparse.Namespace) -> None:
    # Panel takes a second to import: only what serves pays for it.
    from dtviz import app

    app.serve(options.checkpoint, port=options.port, open_browser=not options.no_browser)


if __name__ == "__main__":
    sys.exit(main())
