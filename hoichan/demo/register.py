"""Makes the citizen whose book is then written: numbers, address, insurance, and the empty book."""

from dataclasses import dataclass
from datetime import date, timedelta
from random import Random

from hoichan.demo.book import Book
from hoichan.demo.content import DemoCitizen, Sex
from hoichan.demo.numbers import BhytFormat, bhyt, cccd
from hoichan.demo.provinces import COMMUNES


@dataclass(frozen=True)
class Person:
    """Who a citizen is, before numbers and book. `number` is 1 to 80 and makes key, telephone and address."""

    number: int
    name: str
    birth: date
    sex: Sex
    commune: str
    insurance: BhytFormat | None
    group: str = "GD4"
    last_six: int | None = None
    birth_code: str | None = None

    @property
    def key(self) -> str:
        """The citizen's key, which says nothing about the person."""
        return f"bn-{self.number:03d}"


class Registration:
    """A registered citizen with an open book; `close` gives the finished citizen."""

    def __init__(self, person: Person, today: date, site: str) -> None:
        # S311: the numbers only need to look random and stay the same; nothing is secret.
        rng = Random(f"hoichan-demo-{person.number}")  # noqa: S311 - invented data, no secret
        self._person = person
        self._commune = COMMUNES[person.commune]
        birth_code = person.birth_code or rng.choice(self._commune.birth_codes)
        # The citizen's number in the tail keeps all numbers apart.
        last_six = person.last_six or rng.randrange(1000, 9999) * 100 + person.number
        self._cccd = cccd(birth_code, person.birth, person.sex, last_six)
        self._bhyt = None
        self._valid_until = None
        self.book = Book(person.key, person.birth, person.sex, today)
        if person.insurance is not None:
            self._bhyt = bhyt(person.insurance, rng, self._cccd, person.group)
            self._valid_until = date(today.year, 12, 31)
            self.book.insurance(self._bhyt, self._valid_until, site)
        self._hamlet = rng.choice(self._commune.hamlets)

    def close(self, story: str | None = None) -> DemoCitizen:
        """The citizen with everything that was written."""
        person = self._person
        return DemoCitizen(
            key=person.key,
            name=person.name,
            birth_date=person.birth,
            sex=person.sex,
            cccd=self._cccd,
            bhyt=self._bhyt,
            bhyt_valid_until=self._valid_until,
            province_code=self._commune.province_code,
            commune_code=self._commune.code,
            address=f"{self._hamlet}, {self._commune.address}",
            telephone=f"0255 002 {person.number:04d}",
            resources=self.book.resources,
            story=story,
        )


def years(count: float) -> int:
    """Days in some years, for dates told in years ago."""
    return round(count * 365.25)


def born(today: date, age_in_days: int) -> date:
    """The birth date of a child whose age must stay what the story says, whenever the demo is seeded."""
    return today - timedelta(days=age_in_days)
