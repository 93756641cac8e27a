"""Archives: records exchanged, sizes claimed, two archives in one, and bombs."""

import io
import re
import warnings
import zipfile
from random import Random

from .pickles import pickle_changed

# Bytes that a bomb unpacks to.
BOMB = 400_000_000


def _entries(data: bytes) -> list[tuple[str, bytes]]:
    """Return names and contents; none of what cannot be read, or is a bomb already."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            if sum(info.file_size for info in archive.infolist()) > 10 * len(data):
                return []
            return [(info.filename, archive.read(info)) for info in archive.infolist()]
    except Exception:  # changed before
        return []


def _archive(entries: list[tuple[str, bytes]], compression: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(buffer, "w") as archive:
        warnings.simplefilter("ignore")  # of names that come twice
        for name, data in entries:
            archive.writestr(name, data, compression, compresslevel=1)
    return buffer.getvalue()


def entries_changed(random: Random, data: bytes) -> bytes:
    """Rename, double, empty, exchange or leave out records, or put an archive into itself."""
    entries = _entries(data)
    for _ in range(random.choice((1, 1, 3)) if entries else 0):
        i, j = random.randrange(len(entries)), random.randrange(len(entries))
        name, held = entries[i]
        act = random.randrange(8)
        if act == 0:
            new = random.choice(
                ("../x", "/etc/x", "x", "archive/data.pkl", "archive/constants.pkl")
            )
            entries[i] = (new, held)
        elif act == 1:
            entries.insert(j, (name, random.choice((held, b"", entries[j][1]))))
        elif act == 2:
            entries[i] = (name, b"")
        elif act == 3:
            entries[i], entries[j] = (name, entries[j][1]), (entries[j][0], held)
        elif act == 4 and len(entries) > 1:
            del entries[i]
        elif act == 5:
            entries[i] = (name, data)
        elif act == 6:
            entries.insert(0, (random.choice(("archive/DATA.PKL", "other/data.pkl")), held))
        else:
            random.shuffle(entries)
    compression = random.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))
    return _archive(entries, compression) if entries else data


def bomb(random: Random, data: bytes) -> bytes:
    """Let a record unpack to a thousand times its bytes."""
    entries = _entries(data)
    if not entries:
        return data
    i = random.randrange(len(entries))
    entries[i] = (entries[i][0], bytes(BOMB))
    return _archive(entries, zipfile.ZIP_DEFLATED)


def sizes_in_archive_changed(random: Random, data: bytes) -> bytes:
    """Let the directory of the archive claim other sizes, methods or places."""
    spoilt = bytearray(data)
    places = [match.start() for match in re.finditer(b"PK\x01\x02|PK\x03\x04", data)]
    for _ in range(random.choice((1, 3))):
        place = random.choice(places or [0])
        offset = random.choice((8, 10, 16, 20, 24, 28, 30, 42))
        size = 2 if offset in (8, 10, 28, 30) else 4
        number = random.choice((0, 1, 8, 0xFFFFFFFF, 0x7FFFFFFF, 100_000_000)) % 256**size
        spoilt[place + offset : place + offset + size] = number.to_bytes(size, "little")
    return bytes(spoilt)


def pickle_in_archive(random: Random, data: bytes) -> bytes:
    entries = _entries(data)
    changed = [
        (name, pickle_changed(random, held) if name.endswith("data.pkl") else held)
        for name, held in entries
    ]
    return _archive(changed) if entries else data


def two_archives(random: Random, data: bytes) -> bytes:
    """Put another archive, or anything, before or after one: readers may see different ones."""
    other = pickle_in_archive(random, data)
    junk = random.choice((b"", b"\0", b"PK\x05\x06" + bytes(18), random.randbytes(100)))
    return random.choice((other + junk + data, junk + data, data + junk, data + other))
