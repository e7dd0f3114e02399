"""Files of this installation inside a book: how a resource names one, and which a book holds. Pure."""

from __future__ import annotations

from records_panel.fhir_reading import Json, as_dict, dicts, word

FILE_PREFIX = "urn:hoichan:file:"
"""The `Attachment.url` of a file of this installation; its content is given out by an access-checked route alone."""
KINDS = ("Media", "DocumentReference")
"""The types that are about a file; `Media.content` is one attachment, `DocumentReference.content` a list."""


def file_of(resource: Json) -> str:
    """The id of the file that a Media or DocumentReference is about; empty for none, or another system's."""
    content = resource.get("content")
    for part in dicts(content) if isinstance(content, list) else [{"attachment": content}]:
        url = word(as_dict(part.get("attachment")).get("url"))
        if url.startswith(FILE_PREFIX):
            return url.removeprefix(FILE_PREFIX)
    return ""


def files_in(bundle: Json) -> frozenset[str]:
    """The files that a book holds, as it was released to a reader: what is withheld names none."""
    resources = (as_dict(entry.get("resource")) for entry in dicts(bundle.get("entry")))
    return frozenset(filter(None, (file_of(one) for one in resources if one.get("resourceType") in KINDS)))
