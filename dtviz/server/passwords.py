"""Passwords: who may sign in, in a file of names and of what scrypt makes of their passwords."""

import base64
import binascii
import hashlib
import hmac
import json
import re
import secrets
import unicodedata
from collections.abc import Mapping
from pathlib import Path

from dtviz.errors import BadArgument, FileProblem, shortened
from dtviz.output import read_start, write_whole

# 32 MB and some 0.1 s of one core a password (OWASP's least for scrypt is half as much memory).
_N, _R, _P = 2**15, 8, 1
# Eight times that: who wrote the file may ask for more.
_MOST_WORK = 8 * _N * _R * _P
_MOST_BYTES = 1_000_000
_MOST_CHARACTERS = 1_000
_ENTRY = re.compile(r"scrypt((?:\$\d{1,7}){3})((?:\$[A-Za-z0-9+/=]{16,100}){2})")
# Of nobody: to try it takes as long as any other.
_NOBODY = f"scrypt${_N}${_R}${_P}${'A' * 24}${'A' * 44}"


class Passwords:
    """What scrypt makes of the passwords of each name: ``scrypt$n$r$p$salt$hash``, in base64.

    Args:
        entries: by user name.
    """

    def __init__(self, entries: Mapping[str, str]) -> None:
        self._entries = dict(entries)

    @classmethod
    def read(cls, path: Path, expected: str = "a file of passwords") -> "Passwords":
        """Return those in a JSON file.

        Args:
            path: of a regular file of at most 1 MB.
            expected: what to say if there is no such file.

        Raises:
            FileProblem: if there is none, or it holds something else, which is not told.
        """
        entries = _read(path, expected)
        for name, entry in entries.items():
            if not _is_entry(entry):
                raise FileProblem(
                    expected="passwords as scrypt makes them",
                    got=f"another entry for {shortened(name)} in {shortened(str(path))}",
                    do="Make it anew: dtviz password FILE USER.",
                )
        if not entries:
            raise _no_passwords(path)
        return cls(entries)

    @property
    def mark(self) -> str:
        """What tells these passwords from any others."""
        return hashlib.sha256(json.dumps(self._entries, sort_keys=True).encode()).hexdigest()

    def fits(self, name: str, password: str) -> bool:
        """Return whether this is the password of that name. Takes long, whatever they are."""
        _, n, r, p, salt, expected = self._entries.get(name, _NOBODY).split("$")
        got = _scrypt(password, _decoded(salt), int(n), int(r), int(p))
        return hmac.compare_digest(got, _decoded(expected)) and name in self._entries


def set_password(path: Path, name: str, password: str) -> None:
    """Write a user's password into a file, which is made if need be, for its owner alone.

    Raises:
        BadArgument: if name or password is empty or too long.
        FileProblem: if the file cannot be written, or holds something else.
    """
    for what, text in (("name", name), ("password", password)):
        if not 1 <= len(text) <= _MOST_CHARACTERS:
            raise BadArgument(
                expected=f"a {what} of 1 to {_MOST_CHARACTERS:,} characters",
                got=f"one of {len(text):,}",
                do="Give another.",
            )
    entries = _read(path, "a file of passwords") if path.exists() else {}
    salt = secrets.token_bytes(16)
    made = (_encoded(salt), _encoded(_scrypt(password, salt, _N, _R, _P)))
    entries[name] = "$".join(["scrypt", *map(str, (_N, _R, _P)), *made])
    try:
        path.touch(mode=0o600)
        path.chmod(0o600)
    except (OSError, ValueError) as error:  # a ValueError for a path with a null character
        raise FileProblem(
            expected="a file of passwords that can be written",
            got=f"{shortened(str(path))}: {getattr(error, 'strerror', error)}",
            do="Check the folder and its permissions, or choose another.",
        ) from error
    write_whole(path, json.dumps(entries, indent=1).encode() + b"\n")


def _read(path: Path, expected: str) -> dict[str, str]:
    """Return what a file holds by name; nothing, if it is empty."""
    try:
        content = read_start(path, _MOST_BYTES + 1)
    except (OSError, ValueError) as error:  # a ValueError for a path with a null character
        raise FileProblem(
            expected=expected,
            got=f"{shortened(str(path))}: {getattr(error, 'strerror', error)}",
            do="Name a file that `dtviz password FILE USER` has written.",
        ) from error
    if content == b"":
        return {}
    try:
        entries = json.loads(content if len(content) <= _MOST_BYTES else b"")
    except (ValueError, RecursionError):
        entries = None
    if not (isinstance(entries, dict) and all(isinstance(one, str) for one in entries.values())):
        raise _no_passwords(path)
    return entries


def _no_passwords(path: Path) -> FileProblem:
    return FileProblem(
        expected="a JSON file of at most 1 MB with passwords by user name",
        got=f"{shortened(str(path))}, which is something else",
        do="Write one with: dtviz password FILE USER.",
    )


def _is_entry(entry: str) -> bool:
    found = _ENTRY.fullmatch(entry)
    if not found:
        return False
    n, r, p = map(int, found[1].split("$")[1:])
    try:
        is_base64 = all(map(_decoded, found[2].split("$")[1:]))
    except binascii.Error:
        return False
    is_power = n > 1 and n & (n - 1) == 0
    return is_base64 and is_power and 0 < n * r * p <= _MOST_WORK


def _memory(n: int, r: int, p: int) -> int:
    """Return the bytes that scrypt takes."""
    return 128 * r * (n + p + 2)


def _scrypt(password: str, salt: bytes, n: int, r: int, p: int) -> bytes:
    # However a keyboard composes its letters, the password is the same.
    text = unicodedata.normalize("NFKC", password).encode(errors="surrogateescape")
    return hashlib.scrypt(text, salt=salt, n=n, r=r, p=p, maxmem=2 * _memory(n, r, p), dklen=32)


def _encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _decoded(text: str) -> bytes:
    return base64.b64decode(text, validate=True)
