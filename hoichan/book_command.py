"""`hoichan book`: books of other systems in, and one patient's summary out."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import click
from sqlalchemy import func, select

from consult_rooms.rekeying import SEALED as OF_CONSULTS
from foundation.audit import AuditEntry
from foundation.file_rekeying import FileRekeying
from foundation.ids import PatientId
from foundation.rekeying import Rekeying
from hoichan.acting import acting
from hoichan.sources_command import sources
from notify.rekeying import SEALED as OF_BROWSERS
from records_panel.book_import import BookImport
from records_panel.import_people import AUTHOR
from records_panel.ips_export import ips_document
from records_panel.reindexing import Reindexing
from records_panel.rekeying import SEALED as OF_BOOKS
from records_panel.tables import import_problems, imports, patients, resource_log, summaries

if TYPE_CHECKING:
    from hoichan.wiring import Parts

_MOST_PROBLEMS = 1000


@click.group()
def book() -> None:
    """Import books, show what an import found wrong, export a patient's summary.

    These commands act with full rights on the database of the settings, and the audit names their author `operator`.
    """


book.add_command(sources)


@book.command("import")
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--facility", default="", help="Code (mã CSKCB) of the facility whose system wrote these files.")
@click.option("--report", type=click.Path(dir_okay=False, path_type=Path), help="Write a line of JSON for each entry.")
def import_books(paths: tuple[Path, ...], facility: str, report: Path | None) -> None:
    """Import FHIR R4 Bundles (.json) and bulk data (.ndjson): files, or folders of them.

    Each entry is accepted, superseded (a newer version of one that was there), unchanged, or refused with a code. It
    can be stopped and killed at any time: the same command goes on where it was. Patients are found by their citizen or
    insurance number in either Vietnamese namespace; what names another person is refused. Test patients (HTEST) become
    demo books, and never mix with others.
    """

    async def work(parts: Parts) -> None:
        job = BookImport(parts.database, parts.sealer, parts.book, parts.audit, facility)
        counts: Counter[str] = Counter()
        problems: Counter[str] = Counter()
        output = report.open("a", encoding="utf-8") if report else None
        try:
            async for one in job.run(paths):
                counts[one.outcome] += 1
                problems.update(one.problems)
                if output:
                    line = {"file": one.file, "place": one.place, "outcome": one.outcome, "problems": one.problems}
                    output.write(json.dumps(line) + "\n")
        finally:
            if output:
                output.close()
        for name in ("accepted", "superseded", "unchanged", "refused"):
            click.echo(f"{counts[name]:>9} {name}")
        for code, count in problems.most_common():
            click.echo(f"{count:>9} {code}", err=True)

    acting(work)


@book.command()
def status() -> None:
    """How many books there are, and how many files were imported, whole and in part."""

    async def work(parts: Parts) -> None:
        async with parts.database.reading() as tx:
            books = (await tx.execute(select(func.count()).select_from(patients))).scalar_one()
            log = (await tx.execute(select(func.count()).select_from(resource_log))).scalar_one()
            made = (await tx.execute(select(func.count()).select_from(summaries))).scalar_one()
            whole = (await tx.execute(select(func.count()).where(imports.c.done < 0))).scalar_one()
            part = (await tx.execute(select(func.count()).where(imports.c.done >= 0))).scalar_one()
        click.echo(f"{books} books with {log} rows in the log and {made} summaries")
        click.echo(f"{whole} files imported, {part} not to their end")

    acting(work)


@book.command()
def problems() -> None:
    """What imports found wrong, newest first: run, number of the file in it, place, type of the entry, code."""

    async def work(parts: Parts) -> None:
        query = select(import_problems).order_by(import_problems.c.number.desc()).limit(_MOST_PROBLEMS)
        async with parts.database.reading() as tx:
            for row in await tx.execute(query):
                run = (row.run_id or "")[-8:]
                click.echo(
                    f"{row.at:%Y-%m-%d %H:%M} {run:8} {row.file:>4} {row.place:24} {row.code} {row.resource_type}"
                )

    acting(work)


@book.command()
@click.argument("patient_id")
@click.option("--reason", required=True, help="Why it is taken out; it goes into the audit trail.")
def export(patient_id: str, reason: str) -> None:
    """Write one patient's summary to standard output: an IPS document Bundle of the whole book (FHIR R4, IPS 2.0.0)."""

    async def work(parts: Parts) -> None:
        asked = PatientId(patient_id)
        details: dict[str, str | int | bool | None] = {"reason": reason[:200]}
        await parts.audit.commit(AuditEntry(AUTHOR, "book.export", patient_id=asked, details=details))
        bundle = await parts.book.fetch(asked, whole=True)
        click.echo(json.dumps(ips_document(bundle, parts.clock.now()), ensure_ascii=False, indent=1))

    acting(work)


@book.command()
def rekey() -> None:
    """Seal what books, consults and stored files hold under the newest key of the key file; work goes on meanwhile.

    First add a line with a new number to the key file of every node, and start them anew. Then run this; it can be
    stopped and killed at any time, and goes on where it was. When it says that nothing is left under older keys, their
    lines may leave the file; line 0 stays.
    """

    async def work(parts: Parts) -> None:
        columns = (*OF_BOOKS, *OF_CONSULTS, *OF_BROWSERS)
        rekeying = Rekeying(parts.database, parts.sealer, columns)
        files = FileRekeying(parts.settings.files, parts.sealer)
        counts: Counter[str] = Counter()
        async for name, count in rekeying.run():
            counts[name] += count
        async for count in files.run():
            counts["files"] += count
        for name, count in counts.items():
            click.echo(f"{count:>9} {name}")
        click.echo(f"{await rekeying.left() + await files.left():>9} left under older keys")

    acting(work)


@book.command()
def reindex() -> None:
    """Move the blind indexes by which citizens are found to the key of the line `index` of the key file.

    The key file of every node has to name it, and the one before it as `also-index`; docs/operations.md tells the
    order. Work goes on meanwhile. It can be stopped and killed at any time, and goes on where it was. Once a run says
    that none stood under another key, the line `also-index` may leave the files.
    """

    async def work(parts: Parts) -> None:
        changed = 0
        async for count in Reindexing(parts.database, parts.sealer).run():
            changed += count
        click.echo(f"{changed:>9} citizens stood under another index key")

    acting(work)
