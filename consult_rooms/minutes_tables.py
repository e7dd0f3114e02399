"""Tables of signed minutes and of the keys that sign them.

Documents, drafts and private keys are sealed (`foundation.sealing`); public keys, digests and signatures are text.
"""

from __future__ import annotations

from sqlalchemy import (
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    String,
    Table,
    text,
)

from foundation.database import Instant, metadata

minutes = Table(
    "minutes",
    metadata,
    Column("consult_id", ForeignKey("consults.id"), nullable=False),
    Column("person", Integer, nullable=False),
    Column("version", Integer, nullable=False),
    Column("locked_at", Instant),
    PrimaryKeyConstraint("consult_id", "person"),
)
"""The newest version of each patient's minutes, and whether it is locked."""

minutes_versions = Table(
    "minutes_versions",
    metadata,
    Column("consult_id", ForeignKey("consults.id"), nullable=False),
    Column("person", Integer, nullable=False),
    Column("version", Integer, nullable=False),
    Column("author_id", ForeignKey("staff.id"), nullable=False),
    Column("saved_at", Instant, nullable=False),
    Column("document_sealed", LargeBinary, nullable=False),
    Column("sha256", String(64), nullable=False),
    PrimaryKeyConstraint("consult_id", "person", "version"),
)
"""Every version; none is overwritten."""

signing_keys = Table(
    "signing_keys",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("holder", String(40), nullable=False),
    Column("public", String(43), nullable=False),
    Column("private_sealed", LargeBinary, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("revoked_at", Instant),
    Column("revoked_by", String(40)),
    Column("reason", String(16)),
    Index(
        "uq_signing_keys_holder",
        "holder",
        unique=True,
        sqlite_where=text("revoked_at IS NULL"),
        postgresql_where=text("revoked_at IS NULL"),
    ),
)
"""Keys of people, and one of the installation; a holder has one at a time that signs. `public` is base64url."""

minutes_signatures = Table(
    "minutes_signatures",
    metadata,
    Column("consult_id", ForeignKey("consults.id"), nullable=False),
    Column("person", Integer, nullable=False),
    Column("version", Integer, nullable=False),
    Column("staff_id", ForeignKey("staff.id"), nullable=False),
    Column("seat", String(16), nullable=False),
    Column("signers", Integer, nullable=False),
    Column("at", Instant, nullable=False),
    Column("key_id", ForeignKey("signing_keys.id"), nullable=False),
    Column("signature", String(86), nullable=False),
    PrimaryKeyConstraint("consult_id", "person", "version", "staff_id"),
)
"""Signatures under versions. One under a version that is not the newest has lapsed, and is kept."""

minutes_addenda = Table(
    "minutes_addenda",
    metadata,
    Column("consult_id", ForeignKey("consults.id"), nullable=False),
    Column("person", Integer, nullable=False),
    Column("number", Integer, nullable=False),
    Column("author_id", ForeignKey("staff.id"), nullable=False),
    Column("document_sealed", LargeBinary, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("at", Instant, nullable=False),
    Column("key_id", ForeignKey("signing_keys.id"), nullable=False),
    Column("signature", String(86), nullable=False),
    PrimaryKeyConstraint("consult_id", "person", "number"),
)
"""What was added after the lock, each a signed document of its own."""

minutes_drafts = Table(
    "minutes_drafts",
    metadata,
    Column("consult_id", ForeignKey("consults.id"), nullable=False),
    Column("person", Integer, nullable=False),
    Column("staff_id", ForeignKey("staff.id"), nullable=False),
    Column("revision", Integer, nullable=False),
    Column("base", Integer, nullable=False),
    Column("content_sealed", LargeBinary, nullable=False),
    Column("updated_at", Instant, nullable=False),
    PrimaryKeyConstraint("consult_id", "person", "staff_id"),
)
"""What each writer has typed since a version, and not saved: theirs alone, gone with their save."""
