"""Tables of facilities, staff and sign-in."""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    Column,
    Date,
    ForeignKey,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from foundation.database import Instant, Json, metadata

facilities = Table(
    "facilities",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("code", String(5), nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("kind", String(32), nullable=False),
    Column("technical_level", String(16), nullable=False),
    Column("managing_level", String(16), nullable=False),
    Column("province_code", String(2), nullable=False),
    Column("commune_code", String(5), nullable=False),
    Column("address", Text, nullable=False),
    Column("telephone", String(32), nullable=False),
    Column("emergency_telephone", String(32), nullable=False),
    Column("is_hub", Boolean, nullable=False),
    Column("zone", String(64)),
    Column("active", Boolean, nullable=False, default=True),
    Column("demo", Boolean, nullable=False, default=False),
)

links = Table(
    "links",
    metadata,
    Column("spoke_id", ForeignKey("facilities.id"), nullable=False),
    Column("hub_id", ForeignKey("facilities.id"), nullable=False, index=True),
    Column("rank", Integer, nullable=False, default=1, server_default="1"),
    Column("hours", String(200), nullable=False, default="", server_default=""),
    PrimaryKeyConstraint("spoke_id", "hub_id"),
)
"""Which hospital consults for which clinic: `rank` 1 is asked first; `hours` are `identity.hours`, empty for always."""

specialties = Table(
    "specialties",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("code", String(40), nullable=False, unique=True),
    Column("name_vi", Text, nullable=False),
    Column("name_en", Text, nullable=False),
    Column("parent_id", ForeignKey("specialties.id")),
    Column("licence_scopes", Text, nullable=False, default="", server_default=""),
)
"""`parent_id` makes it a sub-specialty; `licence_scopes` are words, a comma between, one of which a licence bears."""

departments = Table(
    "departments",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("facility_id", ForeignKey("facilities.id"), nullable=False),
    Column("name", Text, nullable=False),
    UniqueConstraint("facility_id", "name"),
)

staff = Table(
    "staff",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("user_name", String(64), nullable=False, unique=True),
    Column("full_name", Text, nullable=False),
    Column("facility_id", ForeignKey("facilities.id"), nullable=False, index=True),
    Column("department_id", ForeignKey("departments.id")),
    Column("roles", Json, nullable=False),
    Column("licence_number", String(64)),
    Column("licence_scope", Text),
    Column("licence_expires", Date),
    Column("password_hash", Text, nullable=False),
    Column("password_number", Integer, nullable=False, default=1),
    Column("must_change_password", Boolean, nullable=False, default=False),
    Column("language", String(2), nullable=False, default="vi"),
    Column("languages", Json, nullable=False, default=list, server_default="[]"),
    Column("active", Boolean, nullable=False, default=True),
    Column("installation_wide", Boolean, nullable=False, default=False),
    Column("sensitivities", Json, nullable=False, default=list, server_default="[]"),
    Column("demo", Boolean, nullable=False, default=False),
    Column("created_at", Instant, nullable=False),
)

staff_specialties = Table(
    "staff_specialties",
    metadata,
    Column("staff_id", ForeignKey("staff.id"), nullable=False),
    Column("specialty_id", ForeignKey("specialties.id"), nullable=False, index=True),
    PrimaryKeyConstraint("staff_id", "specialty_id"),
)

sessions = Table(
    "sessions",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("secret_hash", LargeBinary(32), nullable=False, unique=True),
    Column("staff_id", ForeignKey("staff.id"), nullable=False, index=True),
    Column("terminal_id", ForeignKey("terminals.id")),
    Column("csrf_token", String(64), nullable=False),
    Column("address", String(64)),
    Column("created_at", Instant, nullable=False),
    Column("seen_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("locked_at", Instant),
    Column("ended_at", Instant),
    Column("end_reason", String(32)),
)

terminals = Table(
    "terminals",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("facility_id", ForeignKey("facilities.id"), nullable=False, index=True),
    Column("code", String(32), nullable=False),
    Column("name", Text, nullable=False),
    Column("enrolment_hash", LargeBinary(32), unique=True),
    Column("enrolment_expires_at", Instant),
    Column("credential_hash", LargeBinary(32), unique=True),
    Column("enrolled_at", Instant),
    Column("active", Boolean, nullable=False, default=True),
    UniqueConstraint("facility_id", "code"),
)

terminal_sightings = Table(
    "terminal_sightings",
    metadata,
    Column("terminal_id", ForeignKey("terminals.id"), primary_key=True),
    Column("seen_at", Instant, nullable=False),
    Column("version", String(32), nullable=False),
    Column("camera", String(16), nullable=False),
    Column("microphone", String(16), nullable=False),
)
"""When a terminal was last seen, and what it said of itself then; who is online now stands on the bus."""

api_tokens = Table(
    "api_tokens",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("facility_id", ForeignKey("facilities.id"), nullable=False, index=True),
    Column("name", Text, nullable=False),
    Column("secret_hash", LargeBinary(32), nullable=False, unique=True),
    Column("scopes", Json, nullable=False),
    Column("created_by", ForeignKey("staff.id"), nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant),
    Column("last_used_at", Instant),
    Column("revoked_at", Instant),
)

installation = Table(
    "installation",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("is_demo", Boolean, nullable=False, default=False),
    Column("demo_day", Date),
)
