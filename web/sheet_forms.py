"""A table that is posted twice: first as a file to be checked, then, from the page with the result, to be applied."""

from __future__ import annotations

import base64
import binascii

from aiohttp import web
from aiohttp.web_request import FileField

from web.forms import posted

LARGEST_BODY = 7_200_000
"""Bytes of the posted form: 5 MB of a file, a third more when it comes back as text, and what a form adds."""
_PACKED = "base64:"


async def uploaded(request: web.Request) -> bytes:
    """The file, or what `sent_back` put into the page; empty when there is neither. Raises as `posted`."""
    found = await posted(request)
    file = found.get("file")
    if isinstance(file, FileField):
        content = file.file.read()
        if content:
            return content
    text = found.get("content")
    if not isinstance(text, str):
        return b""
    if not text.startswith(_PACKED):
        return text.encode()
    try:
        return base64.b64decode(text.removeprefix(_PACKED).encode(), validate=True)
    except (binascii.Error, ValueError):
        return b""


def sent_back(data: bytes) -> str:
    """A file as the text of a form's field: itself when it is UTF-8, else packed."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return _PACKED + base64.b64encode(data).decode()
