"""What agrees with an identity, and what an identity has to be like. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from foundation.errors import Invalid
from foundation.i18n import N_
from foundation.text import clean_line
from records_panel.citizens import Evidence, Identity
from records_panel.identifiers import read_bhyt, read_birth_date, read_cccd
from records_panel.names import same

_SEXES = ("male", "female", "other", "unknown")
_LONGEST = 200


def agreeing(identity: Identity, given: Mapping[Evidence, str]) -> tuple[int, int]:
    """How many different identifiers agree with the identity, and how many disagree.

    Insurance that is the citizen number is no second identifier beside it. A name counts only as a whole, in any
    spelling. Raises `Invalid` for a number or date out of form.
    """
    agree: set[str] = set()
    disagree = 0
    for kind, text in given.items():
        said, known = _pair(identity, kind, text)
        if said is not None and said == known:
            agree.add(said)
        else:
            disagree += 1
    return len(agree), disagree


def checked(identity: Identity) -> Identity:
    """The identity in normal form, as it may be stored. Raises `Invalid` with the field to correct."""
    name = clean_line(identity.name)
    if not name or len(name) > _LONGEST:
        raise Invalid("patient.name_needed", N_("Write the full name."), field="name")
    if identity.sex not in _SEXES:
        raise Invalid("patient.sex_needed", N_("Choose the sex."), field="sex")
    code = identity.commune_code.strip()
    if code and not (code.isascii() and code.isdigit() and len(code) == 5):
        raise Invalid("patient.commune_form", N_("A commune code has 5 digits."), field="commune_code")
    return replace(
        identity,
        name=name,
        commune_code=code,
        commune=clean_line(identity.commune)[:_LONGEST],
        cccd=read_cccd(identity.cccd).number if identity.cccd else None,
        bhyt=read_bhyt(identity.bhyt).number if identity.bhyt else None,
        address=clean_line(identity.address)[:_LONGEST],
        telephone=clean_line(identity.telephone)[:40],
    )


def _pair(identity: Identity, kind: Evidence, text: str) -> tuple[str | None, str | None]:
    match kind:
        case Evidence.CCCD:
            return read_cccd(text).number, identity.cccd
        case Evidence.BHYT:
            known = identity.insurance
            if known is not None and known.is_cccd:
                return read_bhyt(text).key, identity.cccd
            return read_bhyt(text).key, known.key if known else None
        case Evidence.BIRTH_DATE:
            return read_birth_date(text).isoformat(), identity.birth_date.isoformat()
        case Evidence.NAME:
            return text if same(text, identity.name) else None, text
