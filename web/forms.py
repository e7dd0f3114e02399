"""Forms as posted: values read once, cleaned, checked, and kept so that an error clears nothing of what was typed."""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import TypeVar

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.web_request import FileField
from multidict import MultiDict, MultiDictProxy

from foundation.errors import Conflict, HoichanError, Invalid, TooMany
from foundation.i18n import N_
from foundation.text import clean_line, clean_text

Choice = TypeVar("Choice", bound=StrEnum)


MALFORMED = (HttpProcessingError, web.RequestPayloadError, ValueError, LookupError, AssertionError)
"""What aiohttp raises for broken parts, missing boundaries and unknown charsets."""


async def posted(request: web.Request) -> MultiDictProxy[str | bytes | bytearray | FileField]:
    """The fields and files of a posted form, read once. Raises `Invalid("request.malformed")`."""
    try:
        return await request.post()
    except MALFORMED as error:
        raise Invalid("request.malformed", N_("The request could not be read.")) from error


class Form:
    """Fields of one form. Readers return the value, or note an error under the field's name and return a blank one.

    `errors` maps a field to a message id, `parameters` to what fills its places. A template shows what was typed by
    `form.value(name)`.
    """

    def __init__(self, fields: MultiDict[str] | None = None) -> None:
        self._fields: MultiDict[str] = MultiDict() if fields is None else fields
        self.errors: dict[str, str] = {}
        self.parameters: dict[str, dict[str, object]] = {}

    @classmethod
    async def read(cls, request: web.Request) -> Form:
        """The posted fields; files are left to the view."""
        found = await posted(request)
        return cls(MultiDict((name, value) for name, value in found.items() if isinstance(value, str)))

    @classmethod
    def of(cls, **values: object) -> Form:
        """A form that shows stored values; None is blank, an enumeration its value, a collection one field each."""
        fields: MultiDict[str] = MultiDict()
        for name, value in values.items():
            for item in value if isinstance(value, (list, tuple, frozenset, set)) else [value]:
                fields.add(name, "" if item is None else str(item))
        return cls(fields)

    @property
    def names(self) -> frozenset[str]:
        """The names of the fields that were posted."""
        return frozenset(self._fields)

    @property
    def valid(self) -> bool:
        """Whether nothing was wrong so far."""
        return not self.errors

    def value(self, name: str) -> str:
        """What was typed, as it was typed."""
        return self._fields.get(name, "")

    def values(self, name: str) -> list[str]:
        """All values of a field that may come several times."""
        return self._fields.getall(name, [])

    def refuse(self, name: str, message: str, /, **parameters: object) -> None:
        """Note an error beside a field; the first one stays."""
        if name not in self.errors:
            self.errors[name] = message
            self.parameters[name] = parameters

    def take(self, error: HoichanError, *, field: str) -> None:
        """Note a service's error beside the field that it names, else beside `field`.

        Raises the error again when the person cannot do better by typing something else, or later.
        """
        if not isinstance(error, (Invalid, Conflict, TooMany)):
            raise error
        self.refuse((isinstance(error, Invalid) and error.field) or field, error.message, **error.parameters)

    def line(self, name: str, *, required: bool = False, most: int = 200) -> str:
        """One cleaned line of at most `most` characters."""
        return self._checked(name, clean_line(self.value(name)), required=required, most=most)

    def text(self, name: str, *, required: bool = False, most: int = 4000) -> str:
        """Several cleaned lines of at most `most` characters."""
        return self._checked(name, clean_text(self.value(name)), required=required, most=most)

    def secret(self, name: str) -> str:
        """A password, exactly as typed, required; at most 1024 characters."""
        value = self.value(name)
        if not value:
            self.refuse(name, N_("Fill in this field."))
        elif len(value) > 1024:
            self.refuse(name, N_("This is too long."))
            return ""
        return value

    def choice(self, name: str, kind: type[Choice]) -> Choice | None:
        """A value of an enumeration; None, with an error, when it is none of them."""
        try:
            return kind(self.value(name))
        except ValueError:
            self.refuse(name, N_("Choose one of the list."))
            return None

    def choices(self, name: str, kind: type[Choice]) -> frozenset[Choice]:
        """Several values of an enumeration; an unknown one is an error."""
        try:
            return frozenset(kind(value) for value in self.values(name))
        except ValueError:
            self.refuse(name, N_("Choose one of the list."))
            return frozenset()

    def day(self, name: str, *, required: bool = False) -> date | None:
        """A date in ISO 8601 form, as a date field sends it."""
        value = self.line(name, required=required, most=10)
        if not value:
            return None
        try:
            return date.fromisoformat(value)
        except ValueError:
            self.refuse(name, N_("This is not a date."))
            return None

    def integer(self, name: str, *, least: int, most: int, required: bool = True) -> int | None:
        """A whole number within bounds."""
        value = self.line(name, required=required, most=12)
        if not value:
            return None
        if not value.isascii() or not value.isdigit() or not least <= int(value) <= most:
            self.refuse(name, N_("This number is not possible here."))
            return None
        return int(value)

    def _checked(self, name: str, value: str, *, required: bool, most: int) -> str:
        if required and not value:
            self.refuse(name, N_("Fill in this field."))
        if len(value) > most:
            self.refuse(name, N_("This is too long."))
            return ""
        return value
