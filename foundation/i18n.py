"""Vietnamese and English, for pages, acks, mails and scripts alike.

The English sentence is the message id; `locale/vi/*.po` hold the Vietnamese, one file an area, merged at start.
Vietnamese is the default. Dates follow the facility's zone, numbers the locale (decimal comma in Vietnamese).
"""

from __future__ import annotations

import datetime as dt
import gettext
from collections.abc import Mapping
from datetime import datetime
from io import BytesIO
from pathlib import Path
from zoneinfo import ZoneInfo

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_decimal

from foundation.errors import HoichanError

LOCALES = ("vi", "en")
DEFAULT_LOCALE = "vi"
LOCALE_FOLDER = Path(__file__).with_name("locale")
_DECIMAL_MARKS = {"vi": ",", "en": "."}
_DAYS = {
    "vi": ("Thứ Hai", "Thứ Ba", "Thứ Tư", "Thứ Năm", "Thứ Sáu", "Thứ Bảy", "Chủ Nhật"),
    "en": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
}


def N_(message: str) -> str:  # noqa: N802 - the name that message extractors know
    """Mark a message id for translation later, at the edge."""
    return message


class Language:
    """One locale's words and forms. `code` is `vi` or `en`."""

    def __init__(self, code: str, translations: gettext.NullTranslations) -> None:
        self.code = code
        self._translations = translations

    def text(self, message: str, /, **parameters: object) -> str:
        """The message in this language, its `%(name)s` places filled in."""
        translated = self._translations.gettext(message) if message else ""
        return translated % parameters if parameters else translated

    def plural(self, one: str, many: str, count: int, /, **parameters: object) -> str:
        """The form that fits `count`, which is also the parameter `count`."""
        return self._translations.ngettext(one, many, count) % {"count": count, **parameters}

    def error(self, error: HoichanError) -> str:
        """The sentence of an error, in this language."""
        return self.text(error.message, **error.parameters)

    def time(self, at: datetime, zone: ZoneInfo, *, seconds: bool = False) -> str:
        """`14:02`, or `14:02:10`, in the facility's zone."""
        return at.astimezone(zone).strftime("%H:%M:%S" if seconds else "%H:%M")

    def date(self, day: dt.date, zone: ZoneInfo | None = None) -> str:
        """`23/11/2026`; an instant needs the zone."""
        if isinstance(day, datetime) and zone is not None:
            day = day.astimezone(zone)
        return day.strftime("%d/%m/%Y")

    def moment(self, at: datetime, zone: ZoneInfo) -> str:
        """`23/11/2026 14:02`."""
        return at.astimezone(zone).strftime("%d/%m/%Y %H:%M")

    def weekday(self, day: dt.date) -> str:
        """`Thứ Hai`, `Monday`."""
        return _DAYS[self.code][day.weekday()]

    def number(self, value: float, digits: int | None = None) -> str:
        """A number with this language's decimal mark, at most `digits` after it."""
        most = 3 if digits is None else digits
        # Most numbers need neither rounding nor grouping, and a page of results holds many.
        whole, _, rest = repr(value).partition(".")
        if whole.isdecimal() and len(whole) <= 3 and len(rest) <= most and (not rest or rest.isdecimal()):
            return whole if rest in ("", "0") else f"{whole}{_DECIMAL_MARKS[self.code]}{rest}"
        pattern = "#,##0." + "#" * most
        return format_decimal(value, format=pattern, locale=self.code)


class Languages:
    """All languages of the product, read once."""

    def __init__(self, folder: Path = LOCALE_FOLDER) -> None:
        self._languages: Mapping[str, Language] = {
            "vi": Language("vi", _merged(folder / "vi")),
            "en": Language("en", gettext.NullTranslations()),
        }

    def get(self, code: str | None) -> Language:
        """The language of that code, or Vietnamese."""
        return self._languages.get(code or DEFAULT_LOCALE, self._languages[DEFAULT_LOCALE])


def _merged(folder: Path) -> gettext.NullTranslations:
    whole = Catalog(locale=folder.name)
    for path in sorted(folder.glob("*.po")):
        with path.open("rb") as file:
            for message in read_po(file, locale=folder.name):
                if message.id and message.string:
                    whole.add(message.id, message.string, context=message.context)
    compiled = BytesIO()
    write_mo(compiled, whole)
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)
