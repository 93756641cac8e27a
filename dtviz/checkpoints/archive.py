"""A ZIP archive whose records are not compressed: where each is, if all readers find the same."""

import os
import struct
import zipfile

from dtviz.checkpoints.safetensors_file import OpenFile


def records(file: OpenFile) -> dict[str, tuple[int, int]]:
    """Return where each record begins and ends, by its name.

    Raises:
        Exception: of many kinds, if it is no archive with one directory at its very end, whose
            records are not compressed, do not overlap and have different names.
    """
    size = file.seek(0, os.SEEK_END)
    _check_end(file, size)
    with zipfile.ZipFile(file) as archive:
        members = archive.infolist()
    if sum(member.file_size for member in members) > size or any(
        member.compress_type or member.file_size != member.compress_size for member in members
    ):
        raise zipfile.BadZipFile("compressed")
    # Some take upper and lower case for the same.
    if len({member.filename.lower() for member in members}) != len(members):
        raise zipfile.BadZipFile("two records of one name")
    found: dict[str, tuple[int, int]] = {}
    after = 0
    for member in sorted(members, key=lambda member: member.header_offset):
        file.seek(member.header_offset)
        mark, named, more = struct.unpack("<4s22x2H", file.read(30))
        begin = member.header_offset + 30 + named + more
        if mark != b"PK\x03\x04" or member.header_offset < after:
            raise zipfile.BadZipFile("records that overlap")
        after = begin + member.file_size
        if after > size:
            raise zipfile.BadZipFile("cut short")
        found[member.filename] = begin, after
    return found


def _check_end(file: OpenFile, size: int) -> None:
    """Refuse an archive before or in which there may be another.

    Its directory is where its last bytes say, and reaches up to these: nothing lies before the
    archive, and whoever looks for the directory finds the same.
    """
    file.seek(max(0, size - 98))
    last = file.read(98).rjust(98, b"\0")
    mark, counted, begin, comment = struct.unpack("<4s8x2LH", last[76:])
    end = size - 22
    if last[56:60] == b"PK\x06\x07":  # with numbers of 64 bits, which stand before
        end = size - 98
        (place,) = struct.unpack("<8xQ4x", last[56:76])
        counted, begin = struct.unpack("<40x2Q", last[:56])
        if place != end or last[:4] != b"PK\x06\x06":
            raise zipfile.BadZipFile("two directories")
    if mark != b"PK\x05\x06" or comment or begin + counted != end:
        raise zipfile.BadZipFile("a directory elsewhere than at the end")
