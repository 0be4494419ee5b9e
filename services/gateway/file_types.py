"""What a file is, from its content alone: one of the types that a conversation may carry, or nothing.

A closed list, not a guess: whatever does not look exactly like one of these is refused. Nothing is unpacked; what an
archive would become is told by its directory.
"""

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass
from struct import unpack, unpack_from
from typing import BinaryIO, NamedTuple

PIECE_BYTES = 1024 * 1024
ALLOWED = (
    "PNG, JPEG, GIF, WebP and HEIC images; PDF and RTF; plain text and Markdown in UTF-8; CSV; "
    "ZIP; Word, Excel, PowerPoint and OpenDocument files without macros; MP4 and MOV"
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
HEIC = FileType("image/heic", ("heic", "heif", "hif"))
RTF = FileType("application/rtf", ("rtf",))
MOV = FileType("video/quicktime", ("mov", "qt"))
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
CSV = FileType("text/csv", ("csv",))
TEXT = (
    FileType("text/plain", ("txt", "log")),
    CSV,
    FileType("text/markdown", ("md", "markdown")),
)

_BEGINNINGS = (
    (re.compile(rb"\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIHDR"), PNG),
    (re.compile(rb"\xff\xd8\xff"), JPEG),
    (re.compile(rb"GIF8[79]a"), GIF),
    (re.compile(rb"RIFF....WEBPVP8[ LX]", re.DOTALL), WEBP),
    (re.compile(rb"%PDF-[12]\.[0-9]"), PDF),
    (re.compile(rb"....ftyp(heic|heix|heim|heis|hevc|mif1|msf1)", re.DOTALL), HEIC),
    (re.compile(rb"....(ftypqt  |moov|wide|mdat)", re.DOTALL), MOV),
    (re.compile(rb"....ftyp(isom|iso[2-9]|mp4[12]|avc1|M4V |MSNV|dash)", re.DOTALL), MP4),
)
_MARKUP_OR_SCRIPT = re.compile(rb"(\xef\xbb\xbf)?(\s*<[!?/a-zA-Z]|#!)")
"""Browsers take for HTML what begins like this, and systems for a program."""

_MACROS = re.compile(rb"(.*/)?vbaProject\.bin|(Basic|Scripts)/.*", re.IGNORECASE | re.DOTALL)

_OBJECT = re.compile(rb"\\obj(data|ect|update|class)", re.IGNORECASE)
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")

MOST_ENTRIES = 10_000
MOST_UNPACKED = 1024**3
NESTED = re.compile(rb".*\.(zip|gz|tgz|bz2|xz|zst|7z|rar|jar|war|cab|iso)", re.IGNORECASE | re.DOTALL)
NESTED_COUNTS = 1_000
"""An archive inside an archive counts as so many times its size: nobody looks into it."""
_ENTRY = 46
_LOCAL = 30
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
    if head.startswith(b"{\\rtf1"):
        return () if _holds_objects(file) else (RTF,)
    if _is_text(file, head):
        return TEXT
    return (CSV,) if _is_table(file, head) else ()


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


def _holds_objects(file: BinaryIO) -> bool:
    """Whether a rich text carries something that is opened with it: as macros are for other documents."""
    before = b""
    for piece in pieces(file):
        if _OBJECT.search(before + piece):
            return True
        before = piece[-16:]
    return False


def _is_table(file: BinaryIO, head: bytes) -> bool:
    """Whether this is a table as Excel writes it where it does not write UTF-8: in UTF-16 with its mark, in Shift_JIS
    or in Windows-1252. Almost anything could be the last, so a separator stands in the first line and no control
    character anywhere.
    """
    if _MARKUP_OR_SCRIPT.match(head):
        return False
    marked = head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return any(_reads_as_table(file, encoding) for encoding in (("utf-16",) if marked else ("cp932", "cp1252")))


def _reads_as_table(file: BinaryIO, encoding: str) -> bool:
    decoder, first_line = codecs.getincrementaldecoder(encoding)(), ""
    try:
        for piece in pieces(file):
            text = decoder.decode(piece)
            if _CONTROL.search(text):
                return False
            first_line = first_line or text.partition("\n")[0]
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return bool(re.search("[,;\t]", first_line)) and not re.match(r"\s*[<#]", first_line)


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
    if offset + length != tail_at + end or end + _ZIP_END + comment != len(tail) or count > MOST_ENTRIES:
        return None
    entries = list(_directory(_from(file, offset, length)))
    if len(entries) != count or not _can_be_unpacked(entries, offset):
        return None
    return [entry.name for entry in entries]


class _Entry(NamedTuple):
    """What an archive's directory says of a file in it. Sizes in bytes; `at` is where its own header begins."""

    name: bytes
    packed: int
    unpacked: int
    at: int


def _can_be_unpacked(entries: list[_Entry], directory_at: int) -> bool:
    """Whether unpacking it harms nobody: not too much, and no bytes twice. A file that overlaps another is how a few
    kilobytes become terabytes (Fifield 2019).
    """
    total = sum(one.unpacked * (NESTED_COUNTS if NESTED.fullmatch(one.name) else 1) for one in entries)
    end = 0
    for entry in sorted(entries, key=lambda one: one.at):
        if entry.at < end:
            return False
        end = entry.at + _LOCAL + len(entry.name) + entry.packed
    return total <= MOST_UNPACKED and end <= directory_at


def _directory(directory: bytes) -> Iterator[_Entry]:
    at = 0
    while directory[at : at + 4] == b"PK\x01\x02" and len(directory) >= at + _ENTRY:
        packed, unpacked, name, extra, comment = unpack_from("<LLHHH", directory, at + 20)
        (local,) = unpack_from("<L", directory, at + 42)
        yield _Entry(directory[at + _ENTRY : at + _ENTRY + name], packed, unpacked, local)
        at += _ENTRY + name + extra + comment


def _from(file: BinaryIO, at: int, length: int) -> bytes:
    file.seek(at)
    return file.read(length)
