"""Tables of patients and their books. Whatever names a person or tells of health is sealed; the rest is opaque.

The key of the blind indexes lies outside the database (see `foundation.sealing`): a stolen copy of these tables
gives commune, sex and how much was written when, and no name, number or finding.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    String,
    Table,
    UniqueConstraint,
)

from foundation.database import Instant, metadata

patients = Table(
    "patients",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("identity", LargeBinary, nullable=False),  # sealed JSON of records_panel.model.Identity
    Column("cccd_index", LargeBinary, unique=True),
    Column("bhyt_index", LargeBinary, unique=True),
    Column("sex", String(8), nullable=False),
    Column("commune_code", String(5), nullable=False),
    Column("book_version", Integer, nullable=False, default=0),  # of the newest entry in resource_log
    Column("created_at", Instant, nullable=False),
    Column("created_by", String(64), nullable=False),
    Column("demo", Boolean, nullable=False, default=False),
)

patient_words = Table(
    "patient_words",
    metadata,
    # HMAC of one folded word of the name or commune together with the birth year, so that a frequent family name
    # cannot be told by counting over all years.
    Column("word_index", LargeBinary, nullable=False),
    Column("patient_id", ForeignKey("patients.id"), nullable=False),
    PrimaryKeyConstraint("word_index", "patient_id"),
)

resource_log = Table(
    "resource_log",
    metadata,
    # The truth of a book: rows are added and never changed. A later version of a resource supersedes the earlier.
    Column("patient_id", ForeignKey("patients.id"), nullable=False),
    Column("version", Integer, nullable=False),
    Column("resource_type", String(64), nullable=False),
    Column("resource_id", String(64), nullable=False),
    Column("content", LargeBinary, nullable=False),  # sealed, compressed FHIR R4 JSON
    Column("facility_code", String(16), nullable=False),
    Column("author", String(64), nullable=False),
    Column("at", Instant, nullable=False),
    PrimaryKeyConstraint("patient_id", "version"),
)

summaries = Table(
    "summaries",
    metadata,
    # Made from resource_log and always makeable again: one row answers the first ten seconds of a consult.
    Column("patient_id", ForeignKey("patients.id"), primary_key=True),
    Column("version", Integer, nullable=False),
    Column("content", LargeBinary, nullable=False),  # sealed, compressed document Bundle
    Column("at", Instant, nullable=False),
)

break_glass = Table(
    "break_glass",
    metadata,
    # A book opened in an emergency to a person to whom it was closed, and what the officer made of it afterwards.
    Column("id", String(40), primary_key=True),
    Column("staff_id", ForeignKey("staff.id"), nullable=False),
    Column("facility_id", ForeignKey("facilities.id"), nullable=False),  # where the person worked then
    Column("patient_id", String(64), nullable=False),  # no key: another system may keep this patient's book
    Column("consult_id", ForeignKey("consults.id")),  # none: the patient was found outside any consult
    Column("asking_facility_id", ForeignKey("facilities.id"), nullable=False),  # of the consult: whose patient it is
    Column("reason", String(32), nullable=False),
    Column("words", LargeBinary, nullable=False),  # sealed: people write about patients here
    Column("at", Instant, nullable=False),
    Column("until", Instant, nullable=False),
    Column("due_at", Instant, nullable=False),  # of the review
    Column("reviewed_at", Instant),
    Column("reviewer_id", ForeignKey("staff.id")),
    Column("verdict", String(16)),
    Column("note", LargeBinary),  # sealed
    Index("ix_break_glass_staff_id_patient_id", "staff_id", "patient_id", "until"),
    Index("ix_break_glass_reviewed_at_due_at", "reviewed_at", "due_at"),
)

additions = Table(
    "additions",
    metadata,
    # What was added during a consult. `patient_id` says in whose book it stands now: none yet under a temporary
    # identity. The book itself holds it as resources of its log; this row can put them in and take them out.
    Column("id", String(40), primary_key=True),
    Column("consult_id", ForeignKey("consults.id"), nullable=False, index=True),
    Column("author_id", ForeignKey("staff.id"), nullable=False),
    Column("facility_code", String(16), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("key_hash", String(64), nullable=False),
    Column("at", Instant, nullable=False),
    Column("patient_id", ForeignKey("patients.id"), index=True),
    # Number in the consult's identity history at which the room turned to this person; 0 is who it was asked for.
    Column("person", Integer, nullable=False, server_default="0"),
    Column("file_id", String(40)),
    Column("small_id", String(40)),
    Column("content", LargeBinary, nullable=False),  # sealed JSON: what was entered, and the resources made of it
    Column("withdrawn_at", Instant),
    UniqueConstraint("consult_id", "author_id", "key_hash"),
)

patient_links = Table(
    "patient_links",
    metadata,
    # Under which id another system knows the patient; `source` is the id of records_panel.source_settings.
    Column("patient_id", ForeignKey("patients.id"), nullable=False),
    Column("source", String(32), nullable=False),
    Column("link", LargeBinary, nullable=False),  # sealed
    Column("at", Instant, nullable=False),
    PrimaryKeyConstraint("patient_id", "source"),
)

imports = Table(
    "imports",
    metadata,
    # How far a file has been imported. `mark` is a blind index of its content and source: no name of a file is kept,
    # since people name files after patients. `done` counts its entries, -1 when there are no more.
    Column("mark", LargeBinary, primary_key=True),
    Column("done", Integer, nullable=False),
    Column("at", Instant, nullable=False),
)

import_runs = Table(
    "import_runs",
    metadata,
    # One run of `hoichan book import`, and how many entries came to what; `problems` counts rows of import_problems.
    Column("id", String(40), primary_key=True),
    Column("started_at", Instant, nullable=False),
    Column("ended_at", Instant),
    Column("facility_code", String(16), nullable=False),
    Column("files", Integer, nullable=False, server_default="0"),
    Column("accepted", Integer, nullable=False, server_default="0"),
    Column("superseded", Integer, nullable=False, server_default="0"),
    Column("unchanged", Integer, nullable=False, server_default="0"),
    Column("refused", Integer, nullable=False, server_default="0"),
    Column("problems", Integer, nullable=False, server_default="0"),
)

import_problems = Table(
    "import_problems",
    metadata,
    # What was wrong with an entry, for the administrator; `place` such as `entry 3`, `file` its number in the run.
    Column("number", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("run_id", ForeignKey("import_runs.id"), index=True),  # none before migration 0016
    Column("mark", ForeignKey("imports.mark"), nullable=False, index=True),
    Column("file", Integer, nullable=False, server_default="0"),
    Column("place", String(64), nullable=False),
    Column("resource_type", String(64), nullable=False, server_default=""),
    Column("code", String(64), nullable=False),
    Column("at", Instant, nullable=False),
)

import_links = Table(
    "import_links",
    metadata,
    # Blind index of a source and its Patient reference: bulk files come later, and name people by that alone.
    Column("link", LargeBinary, primary_key=True),
    Column("patient_id", ForeignKey("patients.id"), nullable=False),
)

index_rotations = Table(
    "index_rotations",
    metadata,
    # How far the blind indexes have moved to a newer key, by patient id; `mark` is a blind mark of that key.
    Column("mark", LargeBinary, primary_key=True),
    Column("after", String(40), nullable=False),
    Column("done_at", Instant),
)
