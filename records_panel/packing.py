"""FHIR as bytes: JSON, compressed by Zstandard with a dictionary of FHIR's own phrases, bounded when it is read.

A book's row is a few kilobytes of words that every record has in common; the dictionary (`fhir_phrases.txt`, raw
content, RFC 8878 §5) halves it. A summary repeats what its book's first row holds, and is told as what differs from
that: a fifth of its size. The first byte names the form, so that older rows are read as they are: 1 is Zstandard with
the dictionary, 2 with the book's first row as dictionary, 0x78 begins a zlib stream (RFC 1950). The file of phrases
never changes: a better one would be another form.
"""

from __future__ import annotations

import json
import zlib
from functools import cache
from pathlib import Path

import zstandard
from pydantic_core import from_json

from foundation.errors import Unavailable
from foundation.i18n import N_
from records_panel.fhir_reading import Json, as_dict

_FORM, _DIFFERENCE = b"\x01", b"\x02"
_LEVEL = 19
_DIFFERENCE_LEVEL = 15
"""Of a summary: more would cost time and give nothing."""
_LARGEST_BASE = 1024 * 1024
MOST_BYTES = 256 * 1024 * 1024
"""Of a row unpacked: what is larger is no book, but something that wants this process's memory."""


def packed(content: Json, *, base: bytes | None = None) -> bytes:
    """The content as a row holds it, not yet sealed; with `base` as what differs from that packed row."""
    plain = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
    if base is not None and len(against := plain_of(base)) <= _LARGEST_BASE:
        return _DIFFERENCE + zstandard.ZstdCompressor(level=_DIFFERENCE_LEVEL, dict_data=_raw(against)).compress(plain)
    return _FORM + zstandard.ZstdCompressor(level=_LEVEL, dict_data=_phrases()).compress(plain)


def needs_base(packed_content: bytes) -> bool:
    """Whether it can be read only beside the row that it was packed against."""
    return packed_content[:1] == _DIFFERENCE


def unpacked(packed_content: bytes, *, base: bytes | None = None) -> Json:
    """The content of a row. Raises `Unavailable("book.unreadable")` for what no release of this program wrote."""
    plain = plain_of(packed_content, base=base)
    try:
        # Twice as fast, which a large book feels. No value stays in its cache of strings, which the process shares.
        return as_dict(from_json(plain, cache_strings="keys"))
    except ValueError:
        pass  # broken, or deeper than this parser goes: Python's own decides
    try:
        return as_dict(json.loads(plain))
    except (ValueError, RecursionError) as error:
        raise Unavailable("book.unreadable", UNREADABLE) from error


def plain_of(packed_content: bytes, *, base: bytes | None = None) -> bytes:
    """The JSON of a row as text. Raises as `unpacked`."""
    try:
        if packed_content[:1] == _FORM:
            return _decompressed(packed_content, _phrases())
        if needs_base(packed_content) and base is not None:
            return _decompressed(packed_content, _raw(plain_of(base)))
        return zlib.decompressobj().decompress(packed_content, MOST_BYTES)
    except (zstandard.ZstdError, zlib.error) as error:
        raise Unavailable("book.unreadable", UNREADABLE) from error


def _decompressed(packed_content: bytes, words: zstandard.ZstdCompressionDict) -> bytes:
    return zstandard.ZstdDecompressor(dict_data=words).decompress(packed_content[1:], max_output_size=MOST_BYTES)


def _raw(plain: bytes) -> zstandard.ZstdCompressionDict:
    return zstandard.ZstdCompressionDict(plain, dict_type=zstandard.DICT_TYPE_RAWCONTENT)


@cache
def _phrases() -> zstandard.ZstdCompressionDict:
    phrases = Path(__file__).with_name("fhir_phrases.txt").read_bytes()
    made = _raw(phrases)
    made.precompute_compress(level=_LEVEL)
    return made


UNREADABLE = N_("A part of this book cannot be read. Tell the administrator; nothing of it is lost.")
