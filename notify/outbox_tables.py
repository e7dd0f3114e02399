"""Tables of the outbox: how each person wants to be told, and what each is told."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, LargeBinary, String, Table, UniqueConstraint, text

from foundation.database import Instant, Json, metadata

contacts = Table(
    "contacts",
    metadata,
    Column("staff_id", ForeignKey("staff.id"), primary_key=True),
    Column("mail_sealed", LargeBinary),
    Column("mobile_sealed", LargeBinary),
    Column("wishes", Json, nullable=False),
    Column("quiet_from", Integer),
    Column("quiet_until", Integer),
    Column("changed_at", Instant, nullable=False),
)
"""A person's own addresses, sealed: nobody is looked for by them, and a private number is nobody else's business.

`wishes` is a list of channels a topic; quiet hours are minutes from local midnight, none when null."""

notices = Table(
    "notices",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("staff_id", ForeignKey("staff.id"), nullable=False),
    Column("channel", String(8), nullable=False),
    Column("event", String(120), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("about", String(40), nullable=False, index=True),
    Column("version", Integer, nullable=False),
    Column("content", Json, nullable=False),
    Column("language", String(2), nullable=False),
    Column("zone", String(64), nullable=False),
    Column("urgent", Boolean, nullable=False),
    Column("created_at", Instant, nullable=False, index=True),
    Column("due_at", Instant, nullable=False),
    Column("expires_at", Instant),
    Column("state", String(8), nullable=False),
    Column("tries", Integer, nullable=False),
    Column("fault", String(40)),
    Column("ended_at", Instant),
    Column("seen_at", Instant),
    UniqueConstraint("staff_id", "event", "channel"),
    Index(
        "ix_notices_due_at",
        "due_at",
        sqlite_where=text("state = 'waiting'"),
        postgresql_where=text("state = 'waiting'"),
    ),
    Index(
        "ix_notices_dead",
        "ended_at",
        sqlite_where=text("state = 'dead'"),
        postgresql_where=text("state = 'dead'"),
    ),
)
"""One row a recipient, event and channel. `due_at` is also the lease: whoever takes a row puts it off first, so that
it comes back when its node dies. `content` holds values of `notify.notice.PLACES` alone; addresses stand in
`contacts`, and words are made when it is sent."""
