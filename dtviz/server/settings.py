"""Settings: where a server listens, who may use it, and within which limits."""

import os
import re
from dataclasses import dataclass
from pathlib import Path

from panel.auth import AUTH_PROVIDERS

from dtviz.errors import BadArgument, listed, shortened
from dtviz.server.passwords import Passwords

THIS_MACHINE = "127.0.0.1"
# Panel's, for who has an account elsewhere.
PROVIDERS = [name for name in AUTH_PROVIDERS if name not in ("basic", "pam")]

_ALL_INTERFACES = ("0.0.0.0", "::", "")  # noqa: S104
_ADDRESS = re.compile(r"[\w.:%-]*", re.ASCII)
# A host as it stands in a browser's address, with a port or without.
_ORIGIN = re.compile(r"([a-z0-9_.-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Where a server listens, who may use it, and within which limits.

    Args:
        address: of the network interface; this machine's own by default.
        port: a free one if 0.
        origins: "host:port" or "host" of the addresses under which people open it, besides those
            of the machine itself.
        auth: a file of passwords (see `Passwords`), or one of Panel's OAuth providers, whose
            further settings are the environment variables that Panel reads (PANEL_OAUTH_KEY...).
        max_sessions: pages that can be open at once.
        max_upload: megabytes that a file opened from the page may have.

    Raises:
        BadArgument: if one of them is none of that, or others could not use the server.
        FileProblem: if there is no such file of passwords, or it is none.
    """

    address: str = THIS_MACHINE
    port: int = 5006
    origins: tuple[str, ...] = ()
    auth: str | None = None
    max_sessions: int = 20
    max_upload: int = 200

    def __post_init__(self) -> None:
        for name, most in (("port", 65_535), ("max_sessions", 10_000), ("max_upload", 10_000)):
            least = 0 if name == "port" else 1
            if not least <= getattr(self, name) <= most:
                raise BadArgument(
                    expected=f"--{name.replace('_', '-')} from {least} to {most:,}",
                    got=f"{getattr(self, name):,}",
                    do="Give another number.",
                )
        # As it stands in a browser's address, IPv6 is in brackets.
        address = self.address.removeprefix("[").removesuffix("]")
        if not _ADDRESS.fullmatch(address):
            raise BadArgument(
                expected="with --address an IP address or a host name",
                got=shortened(self.address),
                do="Give one of this machine's own, or 0.0.0.0 for them all.",
            )
        object.__setattr__(self, "address", address)
        object.__setattr__(self, "origins", tuple(map(_origin, self.origins)))
        if self.address in _ALL_INTERFACES and not self.origins:
            raise BadArgument(
                expected=f"with --address {self.address} the host under which people open dtviz",
                got="none",
                do="Add --allow-websocket-origin HOST:PORT, as it stands in the browser's address.",
            )
        if self.is_by_provider and "PANEL_OAUTH_KEY" not in os.environ:
            raise BadArgument(
                expected="the environment variables PANEL_OAUTH_KEY and PANEL_OAUTH_SECRET",
                got="no PANEL_OAUTH_KEY",
                do=f"Register dtviz with {self.auth}, and set what it says.",
            )
        self.passwords()

    @property
    def is_by_provider(self) -> bool:
        """Whether one signs in with an OAuth provider."""
        return self.auth in PROVIDERS

    @property
    def is_for_others(self) -> bool:
        """Whether it listens to more than this machine's usual address for itself."""
        return self.address not in (THIS_MACHINE, "::1", "localhost")

    def passwords(self) -> Passwords | None:
        """Return by which passwords one signs in, if one does.

        Raises:
            FileProblem: if there is no such file, or it holds something else, which is not told.
        """
        if self.auth is None or self.is_by_provider:
            return None
        other = f"one of {listed(PROVIDERS, 20)}"
        return Passwords.read(Path(self.auth), f"--auth with a file of passwords, or {other}")

    def hosts(self, port: int) -> frozenset[str]:
        """Return the hosts, with their ports, under which a browser may know this server.

        Args:
            port: at which it listens.
        """
        own = {"localhost", THIS_MACHINE, "[::1]"}
        if self.address not in _ALL_INTERFACES:
            own.add(_in_url(self.address.lower()))
        return frozenset({_without_usual_port(f"{host}:{port}") for host in own} | {*self.origins})

    def url(self, port: int) -> str:
        """Return the address of the page, for the browser of who starts the server.

        Args:
            port: at which it listens.
        """
        is_here = self.address in (THIS_MACHINE, *_ALL_INTERFACES)
        return f"http://{'localhost' if is_here else _in_url(self.address)}:{port}/explore"


def _in_url(address: str) -> str:
    return f"[{address}]" if ":" in address else address


def _without_usual_port(host: str) -> str:
    """Return a host as browsers write it, who leave the usual ports out."""
    return re.sub(r"(?<=[^:]):(80|443)$", "", host)


def _origin(text: str) -> str:
    found = _ORIGIN.fullmatch(text.lower())
    if not found:
        raise BadArgument(
            expected="--allow-websocket-origin HOST or HOST:PORT",
            got=shortened(text),
            do="Give it as it stands in the browser's address, between // and the next /.",
        )
    return _without_usual_port(found[0])
