"""A book that another system keeps, by FHIR R4: the patient found by number, then `$summary` or searches side by side.

What does not come in time, or not at all, is said beside what came. Nothing of another patient is ever taken over: a
server that ignores a parameter gives everybody's entries, and so each one is looked at.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from yarl import URL

from foundation.clock import Clock
from foundation.errors import NotFound
from foundation.ids import PatientId
from records_panel.answers import bundle_of
from records_panel.citizens import Identity
from records_panel.fhir_kinds import REFERRED_KINDS, SUMMARY_KINDS, WHOLE_KINDS, referred, subject
from records_panel.fhir_reading import Json, as_dict, dicts, word
from records_panel.fhir_search import Found, search
from records_panel.fhir_server import Budget, Capabilities, FhirServer
from records_panel.linking import is_in_use, ours
from records_panel.links import Links
from records_panel.provenance import Gap, Reason, SourceAnswer
from records_panel.register import UNKNOWN
from records_panel.source_errors import SourceFailed

_CAPABILITIES_S, _SILENT_S = 3600.0, 60.0
_NO_SUMMARY = frozenset({400, 404, 405, 422, 501})
_MOST_REFERRED = 200
_WHOLE_TAKES = 3  # times the deadline of the summary

T = TypeVar("T")


@dataclass(slots=True)
class _Opening:
    """One opening of a book: whose, until when, and what has come so far."""

    identity: Identity
    until: float
    budget: Budget = field(default_factory=Budget)
    patient: Json = field(default_factory=dict)
    entries: list[Json] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)

    @property
    def hidden(self) -> str:
        """The server's id of the patient when it holds a citizen's number, and so may stand in no address."""
        id_ = word(self.patient.get("id"))
        numbers = (self.identity.cccd, self.identity.bhyt, self.identity.insurance and self.identity.insurance.key)
        return id_ if any(number and number in id_ for number in numbers) else ""


class FhirBook:
    """One FHIR server as a source of books. Keeps `records_panel.sources.HealthBook`."""

    def __init__(self, server: FhirServer, links: Links, clock: Clock) -> None:
        self.server = server
        self._settings = server.settings
        self._links = links
        self._clock = clock
        self._known = Capabilities()
        self._known_until = 0.0
        self.key = self._settings.id

    @property
    def name(self) -> str:
        """The name that the administrator gave it."""
        return self._settings.name

    async def fetch(self, patient_id: PatientId, *, whole: bool = False) -> Json:
        """What the server has of this patient, with what it did not give (`records_panel.answers`).

        Raises `SourceFailed` (an `Unavailable("book.unavailable")`) when nothing can be had, `NotFound` when the
        patient is unknown there, or here.
        """
        identity, linked = await self._links.read(patient_id, self.key)
        seconds = self._settings.deadline_s * (_WHOLE_TAKES if whole else 1)
        opening = _Opening(identity, asyncio.get_running_loop().time() + seconds)
        able = await self._in_time(opening, self._capabilities(opening))
        opening.patient = await self._in_time(opening, self._patient(opening, linked))
        if (id_ := word(opening.patient.get("id"))) != linked:
            await self._links.write(patient_id, self.key, id_ or None)
        if not id_:
            raise NotFound("patient.unknown", UNKNOWN)
        await self._gather(opening, able, whole=whole)
        answer = SourceAnswer(self.key, self.name, self._clock.now(), gaps=tuple(dict.fromkeys(opening.gaps)))
        patient = {"fullUrl": f"{self._settings.base}/Patient/{id_}", "resource": opening.patient}
        return bundle_of([patient, *opening.entries], [answer], self._clock.now())

    async def known_as(self, patient_id: PatientId) -> str:
        """The id that the server has for this patient, looked for as `fetch` does.

        Raises `SourceFailed`, `NotFound("patient.unknown")`.
        """
        identity, linked = await self._links.read(patient_id, self.key)
        opening = _Opening(identity, asyncio.get_running_loop().time() + self._settings.deadline_s)
        id_ = word((await self._in_time(opening, self._patient(opening, linked))).get("id"))
        if id_ != linked:
            await self._links.write(patient_id, self.key, id_ or None)
        if not id_:
            raise NotFound("patient.unknown", UNKNOWN)
        return id_

    async def _in_time(self, opening: _Opening, work: Coroutine[Any, Any, T]) -> T:
        try:
            async with asyncio.timeout_at(opening.until):
                return await work
        except TimeoutError:
            self.server.breaker.failed()
            raise SourceFailed(Reason.TIMEOUT) from None

    async def _capabilities(self, opening: _Opening) -> Capabilities:
        """What the server can do, as it said within the hour; a server that says nothing is asked for everything."""
        if self._clock.monotonic() >= self._known_until:
            try:
                self._known = await self.server.capabilities(opening.budget)
                self._known_until = self._clock.monotonic() + _CAPABILITIES_S
            except SourceFailed as error:
                if error.http_status is None:
                    raise
                self._known, self._known_until = Capabilities(), self._clock.monotonic() + _SILENT_S
        return self._known

    async def _patient(self, opening: _Opening, linked: str | None) -> Json:
        """Our patient there, or an empty one."""
        identity, systems = opening.identity, self._settings.systems
        if linked is not None:
            opening.patient = {"id": linked}  # so that `hidden` is known
            by_id = {"_id": linked}
            found = await self._first(search(self.server, "Patient", by_id, opening.budget, hidden=opening.hidden))
            same = [one for one in found.of("Patient") if word(one.get("id")) == linked]
            if same and (patient := ours(same, identity, systems)) is not None:
                return patient
        tokens = systems.tokens(identity)
        if not tokens:
            return {}
        # By POST alone: a number never stands in an address, where every machine on the way writes it down.
        found = await search(
            self.server, "Patient", {"identifier": ",".join(tokens)}, opening.budget, hidden=identity.cccd or tokens[0]
        )
        if found.broken_off is not None:  # a second one with the number may stand on the page that is missing
            raise found.broken_off
        return ours(found.of("Patient"), identity, systems) or {}

    async def _first(self, work: Coroutine[Any, Any, Found]) -> Found:
        try:
            return await work
        except SourceFailed as error:
            if error.http_status is None:
                raise
            return Found()  # what was linked is no more: look for the number again

    async def _gather(self, opening: _Opening, able: Capabilities, *, whole: bool) -> None:
        kinds = WHOLE_KINDS if whole else SUMMARY_KINDS
        offered = {kind: more for kind, more in kinds.items() if able.kinds is None or kind in able.kinds}
        has_summary = self._settings.summary == "yes" or (self._settings.summary == "auto" and able.summary)
        wants_summary = has_summary and not opening.hidden and (not whole or not offered)
        if wants_summary:
            # A summary seldom holds the patient's Consents, and one of them may close the book.
            beside = [self._kind(opening, "Consent", offered.pop("Consent"))] if "Consent" in offered else []
            taken, *_ = await asyncio.gather(self._summary(opening), *beside, return_exceptions=True)
            if isinstance(taken, BaseException):
                raise taken
            if taken:
                return
        found = await asyncio.gather(*(self._kind(opening, kind, more) for kind, more in offered.items()))
        if offered and not any(found) and len({gap.reason for gap in opening.gaps}) == 1:
            raise SourceFailed(opening.gaps[0].reason)
        await self._names(opening)

    async def _summary(self, opening: _Opening) -> bool:
        """Take `Patient/[id]/$summary` (IPS 2.0.0); false when the server has none after all."""
        id_ = word(opening.patient.get("id"))
        url = f"Patient/{URL.build(path=id_).raw_path}/$summary"
        try:
            bundle = await self._in_time(opening, self.server.get(url, opening.budget, "Bundle"))
        except SourceFailed as error:
            if error.http_status in _NO_SUMMARY or (error.http_status is None and error.reason is Reason.MALFORMED):
                return False
            raise
        entries = dicts(bundle.get("entry"))
        people = [entry for entry in entries if as_dict(entry.get("resource")).get("resourceType") == "Patient"]
        if not any(is_in_use(one["resource"]) and self._is_ours(one["resource"], opening) for one in people):
            raise SourceFailed(Reason.WRONG_PATIENT)
        for entry in people:
            if self._is_ours(entry["resource"], opening):
                opening.patient = entry["resource"] | {"id": id_}
        allowed = self._references(opening) | {word(one.get("fullUrl")) for one in people}
        self._take(opening, [entry for entry in entries if entry not in people], allowed, needs_subject=False)
        return True

    def _is_ours(self, patient: Json, opening: _Opening) -> bool:
        return self._settings.systems.names(patient, opening.identity)

    async def _kind(self, opening: _Opening, kind: str, more: Mapping[str, str]) -> bool:
        """Search one type; whether anything was answered at all."""
        parameters = {"patient": f"Patient/{word(opening.patient.get('id'))}"} | dict(more)
        try:
            found = await self._in_time(
                opening, search(self.server, kind, parameters, opening.budget, hidden=opening.hidden)
            )
        except SourceFailed as error:
            opening.gaps.append(Gap(kind, error.reason))
            return False
        if found.broken_off is not None:
            opening.gaps.append(Gap(kind, found.broken_off.reason))
        wanted = [entry for entry in found.entries if entry["resource"].get("resourceType") in (kind, *REFERRED_KINDS)]
        self._take(opening, wanted, self._references(opening), needs_subject=True)
        return True

    def _references(self, opening: _Opening) -> set[str]:
        """How entries may name our patient: by the id, and by ids that the server says it has replaced."""
        id_ = word(opening.patient.get("id"))
        replaced = [
            word(as_dict(link.get("other")).get("reference"))
            for link in dicts(opening.patient.get("link"))
            if link.get("type") == "replaces"
        ]
        named = {f"Patient/{id_}", *(reference for reference in replaced if reference.startswith("Patient/"))}
        return named | {f"{self._settings.base}/{reference}" for reference in named}

    def _take(self, opening: _Opening, entries: Iterable[Json], allowed: set[str], *, needs_subject: bool) -> None:
        """Keep what is our patient's or nobody's; what is another's is thrown away and said."""
        have = {(one["resource"].get("resourceType"), one["resource"].get("id")) for one in opening.entries}
        for entry in entries:
            resource = as_dict(entry.get("resource"))
            kind = word(resource.get("resourceType"))
            if not kind or kind in ("OperationOutcome", "Patient", "Bundle"):
                continue
            if resource.get("id") and (kind, resource["id"]) in have:
                continue  # by the summary and by a search
            of = subject(resource)
            is_ours = of in allowed if of is not None else kind in REFERRED_KINDS or not needs_subject
            if is_ours:
                opening.entries.append({"fullUrl": word(entry.get("fullUrl")), "resource": resource})
            else:
                opening.gaps.append(Gap(kind, Reason.WRONG_PATIENT))

    async def _names(self, opening: _Opening) -> None:
        """Fetch what the entries refer to by id alone: a drug without its name would otherwise not be told."""
        have = {(word(one["resource"].get("resourceType")), word(one["resource"].get("id"))) for one in opening.entries}
        wanted: dict[str, set[str]] = {}
        users: dict[str, set[str]] = {}
        for entry in list(opening.entries):
            for kind, id_ in referred(entry["resource"]) - have:
                wanted.setdefault(kind, set()).add(id_)
                users.setdefault(kind, set()).add(word(entry["resource"].get("resourceType")))

        async def fill(kind: str, ids: set[str]) -> None:
            chosen = sorted(id_ for id_ in ids if "," not in id_)[:_MOST_REFERRED]
            reason = Reason.TOO_MUCH if len(chosen) < len(ids) else None
            try:
                asked = search(self.server, kind, {"_id": ",".join(chosen)}, opening.budget)
                found = await self._in_time(opening, asked)
                of_kind = [one for one in found.entries if one["resource"].get("resourceType") == kind]
                self._take(opening, of_kind, self._references(opening), needs_subject=False)
            except SourceFailed as error:
                reason = error.reason
            if reason is not None and kind in ("Medication", "Device"):  # names of writers are told as not stated
                opening.gaps += [Gap(user, reason) for user in sorted(users[kind])]

        await asyncio.gather(*(fill(kind, ids) for kind, ids in wanted.items()))
