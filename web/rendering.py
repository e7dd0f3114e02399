"""Pages from templates: one Jinja environment a language, so that included and imported templates speak it too."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from aiohttp import web
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from yarl import URL

from consult_rooms.scores import points
from foundation.i18n import LOCALES, Language, Languages
from identity.model import Session
from web.assets import Assets
from web.compiled import CompiledTemplates
from web.labels import label
from web.navigation import navigation
from web.words import WORDS

TEMPLATES = Path(__file__).with_name("templates")


class Renderer:
    """Fills templates. Globals of every template:

    `_(message, **parameters)`, `plural(one, many, count, **parameters)`, `language` (the Language), `asset(name)`,
    `client_version`, `url(path, **query)`, `time(at)`, `date(day)`, `moment(at)`, `weekday(day)` in the installation's
    zone, `number`, `label(value)` of an enumeration, `script_words(group, …)`, `zone`, `is_demo`. Each page also gets
    `session`, `csrf`, `request_path` and `nav`.
    """

    def __init__(
        self, languages: Languages, assets: Assets, zone: ZoneInfo, compiled: CompiledTemplates, *, is_demo: bool
    ) -> None:
        self.assets = assets
        self._environments = {
            code: _environment(languages.get(code), assets, zone, compiled, is_demo=is_demo) for code in LOCALES
        }

    def text(self, language: Language, template: str, **context: object) -> str:
        """The filled template. Raises jinja2's errors for a missing template or an undefined name."""
        return self._environments[language.code].get_template(template).render(**context)


_PLACES = ("urgency", "day", "facility", "look", "before", "next")
"""Parts of a query that say which page it is. What else was typed into an address is not repeated in a page."""


def _way_back(request: web.Request, status: int) -> str:
    """Where a switch of language comes back to; a posted form's address often has no page of its own."""
    place = request.rel_url.with_query(None)
    if request.method == "GET" and status == 200:
        place = place.with_query({name: request.query[name] for name in _PLACES if name in request.query})
    return str(place)


def render(request: web.Request, template: str, *, status: int = 200, **context: object) -> web.Response:
    """A page or a fragment in the language of the request. Never cached: pages hold data of persons."""
    session: Session | None = request.get("session")
    text = request.app[RENDERER].text(
        request["language"],
        template,
        session=session,
        csrf=session.csrf_token if session else "",
        request_path=_way_back(request, status),
        nav=navigation(session, request.path),
        unread=request.get("unread", 0),
        **context,
    )
    return web.Response(text=text, status=status, content_type="text/html", headers={"Cache-Control": "no-store"})


RENDERER: web.AppKey[Renderer] = web.AppKey("renderer", Renderer)


def _environment(
    language: Language, assets: Assets, zone: ZoneInfo, compiled: CompiledTemplates, *, is_demo: bool
) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        bytecode_cache=compiled,
    )

    def time(at: datetime, *, seconds: bool = False) -> str:
        return language.time(at, zone, seconds=seconds)

    def day(value: date) -> str:
        return language.date(value, zone)

    def moment(at: datetime) -> str:
        return language.moment(at, zone)

    def weekday(value: date) -> str:
        return language.weekday(value.astimezone(zone) if isinstance(value, datetime) else value)

    environment.globals.update(
        _=language.text,
        plural=language.plural,
        language=language,
        asset=assets.url,
        client_version=assets.version,
        url=_url,
        time=time,
        date=day,
        moment=moment,
        weekday=weekday,
        number=language.number,
        points=points,
        is_demo=is_demo,
        label=lambda value: language.text(label(value)),
        script_words=lambda *groups: {
            name: language.text(text) for group in groups for name, text in WORDS[group].items()
        },
        zone=str(zone),
    )
    # JSON for data attributes: autoescape makes it safe there, and there only.
    environment.filters["data"] = lambda value: json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    environment.filters["flags"] = _flags
    return environment


def _flags(attributes: Mapping[str, object]) -> dict[str, object]:
    """Attributes for `xmlattr`, as HTML has them: true stands by its name alone, false and none not at all."""
    return {name: "" if value is True else value for name, value in attributes.items() if value not in (False, None)}


def _url(path: str, **query: str | int | None) -> str:
    """A path of this site with a query; what is None or empty is left out."""
    return str(URL(path).with_query({name: value for name, value in query.items() if value not in (None, "")}))
