"""Small files that are what they say, and some that are not."""

from io import BytesIO
from struct import pack
from zipfile import ZIP_DEFLATED, ZipFile

PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + bytes(17) + b"\x00\x00\x00\x00IEND\xaeB`\x82"
MP4 = b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom" + bytes(40)
HTML = b"<!doctype html><script>steal()</script>"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" onload="steal()"/>'
PROGRAM = b"MZ\x90\x00\x03" + bytes(200)


def an_archive(*names: str, mimetype: str = "") -> bytes:
    file = BytesIO()
    with ZipFile(file, "w") as archive:
        if mimetype:
            archive.writestr("mimetype", mimetype)
        for name in names:
            archive.writestr(name, "something " * 20, ZIP_DEFLATED)
    return file.getvalue()


def an_office_file(folder: str, *names: str) -> bytes:
    return an_archive("[Content_Types].xml", "_rels/.rels", f"{folder}/document.xml", *names)


def a_bomb(entries: int, unpacked: int, at: int | None = None, name: bytes = b"%04d") -> bytes:
    """An archive whose directory declares these files; `at` is where all of them begin, if at one place."""
    packed = 10
    names = [name % number for number in range(entries)]
    local = b"".join(
        pack("<IHHHHHIIIHH", 0x04034B50, 20, 0, 8, 0, 0, 0, packed, unpacked, len(one), 0) + one + bytes(packed)
        for one in names
    )
    places, place = [], 0
    for one in names:
        places.append(place if at is None else at)
        place += 30 + len(one) + packed
    directory = b"".join(
        pack("<IHHHHHHIIIHHHHHII", 0x02014B50, 20, 20, 0, 8, 0, 0, 0, packed, unpacked, len(one), 0, 0, 0, 0, 0, where)
        + one
        for one, where in zip(names, places, strict=True)
    )
    return local + directory + pack("<IHHHHIIH", 0x06054B50, 0, 0, entries, entries, len(directory), len(local), 0)


OFFICE = "application/vnd.openxmlformats-officedocument."
OPEN = "application/vnd.oasis.opendocument."

GOOD = {
    "a.png": (PNG, "image/png"),
    "a.jpeg": (b"\xff\xd8\xff\xe0\x00\x10JFIF\x00" + bytes(40), "image/jpeg"),
    "a.JPG": (b"\xff\xd8\xff\xe1\x00\x10Exif\x00" + bytes(40), "image/jpeg"),
    "a.gif": (b"GIF89a" + bytes(40), "image/gif"),
    "a.webp": (b"RIFF\x24\x00\x00\x00WEBPVP8L" + bytes(40), "image/webp"),
    "a.pdf": (b"%PDF-1.7\n1 0 obj\n%%EOF\n", "application/pdf"),
    "a.mp4": (MP4, "video/mp4"),
    "a.txt": ("Grüße, お茶\n<b>bold</b>\n".encode(), "text/plain"),
    "a.csv": (b"sku,price\n1,2\n", "text/csv"),
    "a.md": (b"# Hello\n", "text/markdown"),
    "western.csv": ("Größe;Prix\r\n1;2,50 €\r\n".encode("cp1252"), "text/csv"),
    "japanese.csv": ("商品,価格\r\nお茶,500\r\n".encode("cp932"), "text/csv"),
    "unicode.csv": ("\ufeff商品\t価格\r\n".encode("utf-16-le"), "text/csv"),
    "a.heic": (b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic" + bytes(40), "image/heic"),
    "a.heif": (b"\x00\x00\x00\x18ftypmif1\x00\x00\x00\x00mif1heic" + bytes(40), "image/heic"),
    "a.mov": (b"\x00\x00\x00\x14ftypqt  \x00\x00\x00\x00qt  " + bytes(40), "video/quicktime"),
    "old.mov": (b"\x00\x00\x00\x08wide\x00\x00\x10\x00mdat" + bytes(40), "video/quicktime"),
    "a.rtf": (b"{\\rtf1\\ansi Hello\\par}", "application/rtf"),
    "a.zip": (an_archive("a.txt", "b/c.txt"), "application/zip"),
    "a.docx": (an_office_file("word"), OFFICE + "wordprocessingml.document"),
    "a.xlsx": (an_office_file("xl"), OFFICE + "spreadsheetml.sheet"),
    "a.pptx": (an_office_file("ppt"), OFFICE + "presentationml.presentation"),
    "a.odt": (an_archive("content.xml", mimetype=OPEN + "text"), OPEN + "text"),
    "a.ods": (an_archive("content.xml", mimetype=OPEN + "spreadsheet"), OPEN + "spreadsheet"),
}

BAD = {
    "HTML": ("a.txt", HTML),
    "HTML behind a mark and spaces": ("a.txt", b"\xef\xbb\xbf \n" + HTML),
    "HTML named as an image": ("a.png", HTML),
    "HTML named as itself": ("a.html", HTML),
    "SVG": ("a.svg", SVG),
    "SVG named as an image": ("a.png", SVG),
    "XML": ("a.txt", b'<?xml version="1.0"?>' + SVG),
    "a program": ("a.exe", PROGRAM),
    "a program named as an image": ("a.png", PROGRAM),
    "a program that is an archive": ("a.zip", PROGRAM + an_archive("a.txt")),
    "a script": ("a.txt", b"#!/bin/sh\nrm -rf ~\n"),
    "an image named as a program": ("a.exe", PNG),
    "an image named as a page": ("a.html", PNG),
    "an image named as another": ("a.gif", PNG),
    "an image without an ending": ("a", PNG),
    "an image turned around": ("a\u202egnp.exe", PNG),
    "an image beside a stream": ("a.png:b.exe", PNG),
    "text with zeros": ("a.txt", b"a\x00b"),
    "text in no UTF-8": ("a.csv", "Grüße".encode("latin-1")),
    "text that breaks off": ("a.txt", "お".encode()[:2]),
    "text named as a script": ("a.js", b"alert(1)"),
    "a document with macros": ("a.docx", an_office_file("word", "word/vbaProject.bin")),
    "an open document with macros": ("a.odt", an_archive("Basic/script-lb.xml", mimetype=OPEN + "text")),
    "a document named as an archive": ("a.zip", an_office_file("word")),
    "an archive named as a document": ("a.docx", an_archive("a.txt")),
    "a Java archive": ("a.jar", an_archive("META-INF/MANIFEST.MF", "A.class")),
    "an archive with something behind it": ("a.zip", an_archive("a.txt") + HTML),
    "half an archive": ("a.zip", an_archive("a.txt")[:-30]),
    "an archive that miscounts": ("a.zip", an_archive("a.txt")[:-12] + b"\x09\x00" + an_archive("a.txt")[-10:]),
    "another video": ("a.mp4", MP4.replace(b"mp42", b"qt  ")),
    "a rich text with an object": ("a.rtf", b"{\\rtf1 {\\object\\objemb{\\*\\objdata 0105}}}"),
    "a page in two bytes a letter": ("a.csv", "\ufeff<script>a,b</script>\n".encode("utf-16-le")),
    "a table with control characters": ("a.csv", "é;b\x1b[2J\n".encode("cp1252")),
    "a table named as a text": ("a.txt", "Größe;Prix\n".encode("cp1252")),
    "an archive that becomes terabytes": ("a.zip", a_bomb(entries=1_000, unpacked=0xFFFFFFFE)),
    "an archive whose files overlap": ("a.zip", a_bomb(entries=2, unpacked=10, at=0)),
    "an archive of large archives": ("a.zip", a_bomb(entries=3, unpacked=500_000, name=b"%04d.zip")),
    "an archive of too many files": ("a.zip", a_bomb(entries=10_001, unpacked=0)),
    "nothing known": ("a.zip", b"\x7fELF" + bytes(60)),
}
