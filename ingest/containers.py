"""What a file is and what it is packed in: by its name, and by its first bytes if they differ."""

import errno
import gzip
import io
import re
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, cast

from ingest.contract import READABLE
from ingest.structure import BLOCK
from lake.errors import UnreadableError

OLE = b"\xd0\xcf\x11\xe0"
"""How a workbook of old Excel begins, and one with a password."""

_PACKING_ERRORS = (
    OSError,  # of gzip, or of a place before the beginning that a ZIP file tells
    EOFError,
    zlib.error,
    zipfile.BadZipFile,
    RuntimeError,  # it wants a password, or is packed in a way that Python does not know
)


def format_of(name: str) -> str:
    """Return the format of a file by its name: csv, jsonl, parquet or xlsx."""
    ending = re.sub(r"\.(gz|zip)$", "", name.lower()).rpartition(".")[2]
    return ending if ending in ("jsonl", "parquet", "xlsx") else "csv"


@contextmanager
def unpacked(name: str, raw: BinaryIO) -> Iterator[tuple[str, BinaryIO]]:
    """Open what is in a .gz or .zip file by its name, and name it; other files as they are.

    Raises UnreadableError when it isn't what its name says, or breaks off.
    """
    lower = name.lower()
    kind = "ZIP" if lower.endswith(".zip") else "gzip"
    try:
        if kind == "ZIP":
            with zipfile.ZipFile(raw) as archive:
                member = only_member(archive)
                if member.flag_bits & 1:
                    raise UnreadableError("the ZIP file has a password. Pack it without one")
                with (
                    archive.open(member) as stream,
                    unpacked(member.filename, cast(BinaryIO, stream)) as inner,
                ):
                    yield inner
        elif lower.endswith(".gz"):
            yield name, cast(BinaryIO, gzip.GzipFile(fileobj=raw, mode="rb"))
        else:
            yield name, raw
    except _PACKING_ERRORS as error:
        is_systems = getattr(error, "errno", None) not in (None, errno.EINVAL)
        if is_systems or not lower.endswith((".gz", ".zip")):
            raise
        raise UnreadableError(
            f"it isn't a readable {kind} file ({error}). Pack it or download it again"
        ) from error


def only_member(archive: zipfile.ZipFile) -> zipfile.ZipInfo:
    """Return the one file of an archive that is a table; raise UnreadableError otherwise."""
    members = [
        each
        for each in archive.infolist()
        if not each.is_dir() and not re.search(r"(^|/)(__MACOSX/|\._|\.DS_Store)", each.filename)
    ]
    # One by its name among others that are no tables, such as a note on the export.
    members = [each for each in members if READABLE.search(each.filename)] or members
    if len(members) != 1:
        names = ", ".join(each.filename for each in members[:5])
        raise UnreadableError(
            f"the ZIP file holds {len(members)} files ({names}). Unpack it, or send a ZIP file "
            "with one file in it"
        )
    return members[0]


def members(data: bytes) -> Iterator[bytes]:
    """Yield what the files in a ZIP file say, a workbook's parts for instance."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for each in archive.infolist():
            yield archive.read(each)


@contextmanager
def seekable(stream: BinaryIO) -> Iterator[BinaryIO]:
    """Return a stream that can be read from any place: itself, or a copy of what it holds."""
    if stream.seekable() and not isinstance(stream, gzip.GzipFile | zipfile.ZipExtFile):
        yield stream
        return
    with tempfile.TemporaryFile() as copy:
        while block := stream.read(BLOCK):
            copy.write(block)
        copy.seek(0)
        yield cast(BinaryIO, copy)


def check_content(head: bytes) -> None:
    """Raise UnreadableError when a file's first bytes are those of another kind of file."""
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")[:512].lower()
    if head.startswith(b"PK\x03\x04"):
        raise UnreadableError(
            "it is an Excel workbook or a ZIP file under another name. Save it as CSV, or name it "
            ".xlsx if it is a workbook, .zip if it is a ZIP file"
        )
    if head.startswith(OLE):
        raise UnreadableError(
            "it is an Excel workbook of the old kind (.xls). Save it as .xlsx or as CSV"
        )
    if head.startswith(b"\x1f\x8b"):
        raise UnreadableError("it is a gzip file under another name. Name it .csv.gz, or unpack it")
    if head.startswith(b"PAR1"):
        raise UnreadableError("it is a Parquet file under another name. Name it .parquet")
    if head.startswith(b"%PDF"):
        raise UnreadableError("it is a PDF document. Export the table as CSV")
    if head.startswith((b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd", b"7z\xbc\xaf", b"Rar!")):
        raise UnreadableError("it is packed, and not with gzip or ZIP. Unpack it")
    if re.match(rb"<[!?a-z]", start):
        raise UnreadableError(
            "it is a web page (or XML), not a table: the download may have needed a sign-in. Open "
            "it to see what it says, and download the file again"
        )
