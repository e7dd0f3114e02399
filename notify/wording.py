"""The words of notices, from one template a kind: its first line is the title, what follows the empty line the body.

A template is given `day`, `time`, `until`, `clinic`, `hospital`, `code`, `lead` and `_`, and nothing else: what a
notice cannot hold (`notify.notice.PLACES`) none of them can say.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from foundation.i18n import LOCALES, Language, Languages
from notify.notice import NoticeKind

TEMPLATES = Path(__file__).with_name("templates")


class Wording:
    """Fills templates in, in either language."""

    def __init__(self, languages: Languages) -> None:
        self._languages = languages
        self._environments = {code: _environment(languages.get(code)) for code in LOCALES}

    def of(self, kind: NoticeKind, values: Mapping[str, str], language: str, zone: str) -> tuple[str, str]:
        """Title and body, times in that zone. Raises jinja2's errors for a value that is missing."""
        chosen, place = self._languages.get(language), ZoneInfo(zone)
        given = dict(values)
        if "starts_at" in given:
            starts = datetime.fromisoformat(given["starts_at"]).astimezone(place)
            given |= {"day": f"{chosen.weekday(starts)} {chosen.date(starts)}", "time": chosen.time(starts, place)}
        if "until" in given:
            given["until"] = chosen.moment(datetime.fromisoformat(given["until"]), place)
        if "minutes" in given:
            given["lead"] = lead(chosen, int(given["minutes"]))
        filled = self._environments[chosen.code].get_template(f"{kind}.txt").render(given)
        title, _, body = filled.strip().partition("\n")
        return title.strip(), body.strip()


def lead(language: Language, minutes: int) -> str:
    """A time before something: `1 day`, `2 hours`, `5 minutes`."""
    if minutes % (24 * 60) == 0:
        return language.plural("%(count)s day", "%(count)s days", minutes // (24 * 60))
    if minutes % 60 == 0:
        return language.plural("%(count)s hour", "%(count)s hours", minutes // 60)
    return language.plural("%(count)s minute", "%(count)s minutes", minutes)


def _environment(language: Language) -> Environment:
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=False,  # noqa: S701 - plain text for mail, SMS and push; nothing of it is ever HTML
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.globals["_"] = language.text
    return made
