"""All pages of a search (R4 3.1.1.4): on the same server only, never round in a circle, and not without end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from yarl import URL

from records_panel.fhir_reading import Json, as_dict, dicts, number, word
from records_panel.fhir_server import Budget, FhirServer
from records_panel.provenance import Reason
from records_panel.source_errors import SourceFailed


@dataclass(slots=True)
class Found:
    """Entries of the server's own order, and why there are no more of them, if there are."""

    entries: list[Json] = field(default_factory=list)
    broken_off: SourceFailed | None = None

    def of(self, *kinds: str) -> list[Json]:
        """The resources of these types."""
        found = (as_dict(entry.get("resource")) for entry in self.entries)
        return [resource for resource in found if resource.get("resourceType") in kinds]


async def search(
    server: FhirServer, kind: str, parameters: Mapping[str, str], budget: Budget, *, hidden: str = ""
) -> Found:
    """Every entry, page by page. With `hidden`, text that may stand in no address, the search goes by POST.

    A first page that fails raises `SourceFailed`; a later one leaves what came before, with the reason.
    """
    limited = dict(parameters) | {"_count": str(server.settings.page_size)}
    if hidden:
        page = await server.post_search(kind, limited, budget)
    else:
        page = await server.get(str(URL(kind).with_query(limited)), budget, "Bundle")
    found = Found()
    base, seen = URL(server.settings.base), set[str]()
    while True:
        found.entries += [entry for entry in dicts(page.get("entry")) if _is_answer(entry)]
        following = _next(page)
        if not following:
            # A server that cuts its answer without a next page tells at least how many there are (R4 Bundle.total).
            total = number(page.get("total"))
            if total is not None and total > sum(_is_match(entry) for entry in found.entries):
                found.broken_off = SourceFailed(Reason.TOO_MUCH)
            return found
        try:
            url = base.join(URL(following))
            if url.origin() != base.origin() or str(url) in seen or (hidden and hidden in str(url)):
                raise SourceFailed(Reason.MALFORMED)
            seen.add(str(url))
            if len(seen) >= server.settings.most_pages:
                raise SourceFailed(Reason.TOO_MUCH)
            page = await server.get(str(url), budget, "Bundle")
        except SourceFailed as error:
            found.broken_off = error
            return found
        except ValueError:
            found.broken_off = SourceFailed(Reason.MALFORMED)
            return found


def _next(page: Json) -> str:
    links = (link for link in dicts(page.get("link")) if link.get("relation") == "next")
    return word(next(links, {}).get("url"))


def _is_match(entry: Json) -> bool:
    return word(as_dict(entry.get("search")).get("mode")) in ("match", "")


def _is_answer(entry: Json) -> bool:
    return as_dict(entry.get("search")).get("mode") != "outcome" and isinstance(entry.get("resource"), dict)
