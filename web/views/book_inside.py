"""Inside an open book: search, and one thing over time. Both are posted, so that no clinical word stands in an address.

Each is a read of the book like any tab: the same access, and the same line in the audit trail before anything leaves.
"""

from __future__ import annotations

from aiohttp import web

from foundation.errors import NotFound
from foundation.i18n import N_
from records_panel.book_search import MOST_CHARACTERS, search
from records_panel.model import BookView, Vital
from web.forms import Form
from web.services import SERVICES
from web.views.book import Context, place_of, show_panel
from web.views.book_tabs import TITLES
from web.views.book_words import VITAL_FULL_NAMES
from web.views.trend_words import TrendWords

routes = web.RouteTableDef()


@routes.post("/consults/{consult_id}/book/search")
@routes.post("/emergency/books/{glass_id}/book/search")
async def search_book(request: web.Request) -> web.StreamResponse:
    """Entries with every word of `q`, each a way to its place. Without words it is the empty form."""
    place, form = await place_of(request), await Form.read(request)
    query, language = form.value("q").strip()[:MOST_CHARACTERS], request["language"]
    titles = {part: language.text(title) for part, title in TITLES.items()}

    def label(item: object) -> str:
        return language.text(VITAL_FULL_NAMES[item.kind]) if isinstance(item, Vital) else ""

    def found(view: BookView) -> Context:
        return {"query": query, "hits": search(view, query, titles, label)}

    return await show_panel(request, place, "search", found if query else None)


@routes.post("/consults/{consult_id}/book/trend")
@routes.post("/emergency/books/{glass_id}/book/trend")
async def show_trend(request: web.Request) -> web.StreamResponse:
    """Every value of one thing (`key`) as a table, and its charts as data for the page's script."""
    place, form = await place_of(request), await Form.read(request)
    key, words = form.value("key"), TrendWords(request["language"], request.app[SERVICES].settings.zone)

    def found(view: BookView) -> Context:
        trend = next((trend for trend in view.trends if trend.key == key), None)
        if trend is None:
            raise NotFound("book.no_trend", NO_TREND)
        return {"trend": trend, "say_trend": words}

    return await show_panel(request, place, "results", found)


NO_TREND = N_("The book has no values of this.")
