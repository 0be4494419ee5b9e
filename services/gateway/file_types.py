"""What a file is, from its content alone: one of the types that a conversation may carry, or nothing.

A closed list, not a guess: whatever does not look exactly like one of these is refused. Nothing is unpacked.
"""

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass
from struct import unpack, unpack_from
from typing import BinaryIO

PIECE_BYTES = 1024 * 1024
ALLOWED = (
    "PNG, JPEG, GIF and WebP images; PDF; plain text, CSV and Markdown in UTF-8; ZIP; "
    "Word, Excel, PowerPoint and OpenDocument files without macros; MP4"
)


@dataclass(frozen=True)
class FileType:
    """`endings` are those that a name of this type may have."""

    media_type: str
    endings: tuple[str, ...]


_OFFICE = "application/vnd.openxmlformats-officedocument."
_OPEN = "application/vnd.oasis.opendocument."

PNG = FileType("image/png", ("png",))
JPEG = FileType("image/jpeg", ("jpg", "jpeg"))
GIF = FileType("image/gif", ("gif",))
WEBP = FileType("image/webp", ("webp",))
PDF = FileType("application/pdf", ("pdf",))
MP4 = FileType("video/mp4", ("mp4", "m4v"))
ZIP = FileType("application/zip", ("zip",))
OFFICE = {
    "word/": FileType(_OFFICE + "wordprocessingml.document", ("docx",)),
    "xl/": FileType(_OFFICE + "spreadsheetml.sheet", ("xlsx",)),
    "ppt/": FileType(_OFFICE + "presentationml.presentation", ("pptx",)),
}
OPEN_DOCUMENT = (
    FileType(_OPEN + "text", ("odt",)),
    FileType(_OPEN + "spreadsheet", ("ods",)),
    FileType(_OPEN + "presentation", ("odp",)),
)
TEXT = (
    FileType("text/plain", ("txt", "log")),
    FileType("text/csv", ("csv",)),
    FileType("text/markdown", ("md", "markdown")),
)

_BEGINNINGS = (
    (re.compile(rb"\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIHDR"), PNG),
    (re.compile(rb"\xff\xd8\xff"), JPEG),
    (re.compile(rb"GIF8[79]a"), GIF),
    (re.compile(rb"RIFF....WEBPVP8[ LX]", re.DOTALL), WEBP),
    (re.compile(rb"%PDF-[12]\.[0-9]"), PDF),
    (re.compile(rb"....ftyp(isom|iso[2-9]|mp4[12]|avc1|M4V |MSNV|dash)", re.DOTALL), MP4),
)
_MARKUP_OR_SCRIPT = re.compile(rb"(\xef\xbb\xbf)?(\s*<[!?/a-zA-Z]|#!)")
"""Browsers take for HTML what begins like this, and systems for a program."""

_MACROS = re.compile(rb"(.*/)?vbaProject\.bin|(Basic|Scripts)/.*", re.IGNORECASE | re.DOTALL)

_ZIP_END = 22
_ZIP_COMMENT = 65_535


def types_of(file: BinaryIO) -> tuple[FileType, ...]:
    """The types that this content may be; none if it is no allowed one. Text cannot be told from CSV or Markdown."""
    head = _from(file, 0, 256)
    for beginning, file_type in _BEGINNINGS:
        if beginning.match(head):
            return (file_type,)
    if head.startswith(b"PK\x03\x04"):
        found = _zip_type(file, head)
        return (found,) if found else ()
    return TEXT if _is_text(file, head) else ()


def pieces(file: BinaryIO) -> Iterator[bytes]:
    """The file from its beginning."""
    file.seek(0)
    while piece := file.read(PIECE_BYTES):
        yield piece


def _is_text(file: BinaryIO, head: bytes) -> bool:
    if _MARKUP_OR_SCRIPT.match(head):
        return False
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        for piece in pieces(file):
            if "\x00" in decoder.decode(piece):
                return False
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _zip_type(file: BinaryIO, head: bytes) -> FileType | None:
    names = _zip_names(file)
    if names is None:
        return None
    open_document = next((one for one in OPEN_DOCUMENT if _declares(head, one)), None)
    office = next((one for folder, one in OFFICE.items() if _is_office(names, folder.encode())), None)
    found = open_document or office
    if found and any(_MACROS.fullmatch(name) for name in names):
        return None
    return found or ZIP


def _declares(head: bytes, file_type: FileType) -> bool:
    """OpenDocument says its type in its first entry, which is not compressed."""
    return head[30:].startswith(b"mimetype" + file_type.media_type.encode() + b"PK")


def _is_office(names: list[bytes], folder: bytes) -> bool:
    return b"[Content_Types].xml" in names and any(name.startswith(folder) for name in names)


def _zip_names(file: BinaryIO) -> list[bytes] | None:
    """The names in an archive's directory, or None where the file is not one whole archive: one with something before
    or behind it, or a broken one. `zipfile` takes those, and makes an object of each of a million entries.
    """
    size = file.seek(0, 2)
    tail_at = max(0, size - _ZIP_END - _ZIP_COMMENT)
    tail = _from(file, tail_at, size)
    end = tail.rfind(b"PK\x05\x06")
    if end < 0 or len(tail) < end + _ZIP_END:
        return None
    count, length, offset, comment = unpack("<HLLH", tail[end + 10 : end + _ZIP_END])
    if offset + length != tail_at + end or end + _ZIP_END + comment != len(tail):
        return None
    names = list(_directory(_from(file, offset, length)))
    return names if len(names) == count else None


def _directory(directory: bytes) -> Iterator[bytes]:
    at = 0
    while directory[at : at + 4] == b"PK\x01\x02" and len(directory) >= at + 46:
        name, extra, comment = unpack_from("<HHH", directory, at + 28)
        yield directory[at + 46 : at + 46 + name]
        at += 46 + name + extra + comment


def _from(file: BinaryIO, at: int, length: int) -> bytes:
    file.seek(at)
    return file.read(length)
