"""FHIR as bytes: JSON, compressed by Zstandard with a dictionary of FHIR's own phrases, bounded when it is read.

A book's row is a few kilobytes of words that every record has in common; the dictionary (`fhir_phrases.txt`, raw
content, RFC 8878 §5) halves it. The first byte names the form, so that older rows are read as they are: 1 is
Zstandard with the first dictionary, 0x78 begins a zlib stream (RFC 1950). The file never changes: a better one is 2.
"""

from __future__ import annotations

import json
import zlib
from functools import cache
from pathlib import Path

import zstandard

from foundation.errors import Unavailable
from foundation.i18n import N_
from records_panel.fhir_reading import Json, as_dict

_FORM = b"\x01"
_LEVEL = 12
MOST_BYTES = 256 * 1024 * 1024
"""Of a row unpacked: what is larger is no book, but something that wants this process's memory."""


def packed(content: Json) -> bytes:
    """The content as a row holds it, not yet sealed."""
    return pack_text(json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode())


def pack_text(plain: bytes) -> bytes:
    """`packed` for JSON that is text already."""
    return _FORM + zstandard.ZstdCompressor(level=_LEVEL, dict_data=_phrases()).compress(plain)


def unpacked(packed_content: bytes) -> Json:
    """The content of a row. Raises `Unavailable("book.unreadable")` for what no release of this program wrote."""
    try:
        if packed_content[:1] == _FORM:
            plain = zstandard.ZstdDecompressor(dict_data=_phrases()).decompress(
                packed_content[1:], max_output_size=MOST_BYTES
            )
        else:
            plain = zlib.decompressobj().decompress(packed_content, MOST_BYTES)
        return as_dict(json.loads(plain))
    except (zstandard.ZstdError, zlib.error, ValueError, RecursionError) as error:
        raise Unavailable("book.unreadable", UNREADABLE) from error


@cache
def _phrases() -> zstandard.ZstdCompressionDict:
    phrases = Path(__file__).with_name("fhir_phrases.txt").read_bytes()
    made = zstandard.ZstdCompressionDict(phrases, dict_type=zstandard.DICT_TYPE_RAWCONTENT)
    made.precompute_compress(level=_LEVEL)
    return made


UNREADABLE = N_("A part of this book cannot be read. Tell the administrator; nothing of it is lost.")
