"""Every setting of the program, read once at start from the environment (`HOICHAN_…`) and from secret files.

Secrets come as paths of files (`…_FILE`), as container engines mount them, never as values in the environment.
One file above 300 lines, since whoever runs Hoichan looks for every setting in one place.
"""

from __future__ import annotations

import ipaddress
import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from foundation.reach import Reach

_TURN_URI = re.compile(r"turns?:([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?(\?transport=(udp|tcp))?")
"""A TURN URI (RFC 7065 §3.1) of a host name or an address."""

_MAIL = re.compile(r"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9.-]{1,253}")


class Settings(BaseSettings):
    """Settings of one process. Durations are in the unit that the name ends in."""

    model_config = SettingsConfigDict(env_prefix="HOICHAN_", extra="ignore")

    # Where it listens
    host: str = Field("127.0.0.1", description="address of the web server")
    port: int = Field(8080, ge=0, le=65535, description="port of the web server; 0: any free one")
    origins: str = Field(
        "", description="comma-separated exact origins that browsers use, such as https://hoichan.example.vn"
    )
    proxied: bool = Field(False, description="a TLS proxy in front sets X-Forwarded-For and -Proto")

    # Where it keeps things
    var: Path = Field(Path("var"), description="folder of the embedded database, keys and sockets")
    database_url: str = Field("", description="postgresql+asyncpg://… ; empty: SQLite below the var folder")
    database_password_file: Path | None = Field(None, description="file with the database password")
    redis_url: str = Field("", description="redis://… ; empty: the in-process bus, for one node only")
    redis_password_file: Path | None = Field(None, description="file with the Redis password")
    keys_file: Path | None = Field(None, description="key file of sealed values; empty: made below the var folder")
    files_folder: Path | None = Field(
        None, description="folder of photographs and documents, one for all nodes; empty: files below the var folder"
    )
    file_megabytes: int = Field(15, ge=1, le=100, description="the largest photograph or document that is taken")

    # The audit's hash chain
    audit_key_file: Path | None = Field(
        None, description="key file (Ed25519, PEM) that signs the audit's anchors; empty: made below the var folder"
    )
    audit_anchors: Path | None = Field(
        None, description="folder of the audit's anchors, best on another machine; empty: below the var folder"
    )
    audit_anchor_seconds: float = Field(60, gt=0, description="how long a moved chain goes without an anchor at most")
    audit_shards: int = Field(1, ge=1, le=64, description="hash chains that share the audit's rows; 1 serves a country")

    # Media
    media: Literal["child", "workers", "none"] = Field(
        "child", description="child: one worker is started here; workers: those that register in Redis"
    )
    media_bind: str = Field("127.0.0.1", description="address on which a worker's UDP socket listens")
    media_announce: str = Field("", description="address that browsers are given; empty: the bound one")
    media_workers: int = Field(
        1, ge=1, le=64, description="workers on this machine, a core each; their ports count up from the first's"
    )
    media_port: int = Field(0, ge=0, le=65535, description="UDP port of the worker; 0: any free one")
    media_tcp: str = Field(
        "same", description="TCP port of the worker, for networks without UDP: same (as its UDP port), off, or a number"
    )
    media_control: str = Field("", description="HOST:PORT or unix:PATH of a worker's control socket")
    media_control_announce: str = Field("", description="host:port at which web nodes reach the control socket")
    media_max_load: float = Field(
        0.6, gt=0, description="share of a core above which a worker takes no new rooms; 0.6 keeps its delays short"
    )
    media_room_capacity: int = Field(16, ge=2, le=1000, description="participants, devices and screens a room admits")
    media_drain_seconds: float = Field(
        1800, gt=0, description="how long the rooms of a worker go on at most after its first SIGTERM"
    )
    media_token_file: Path | None = Field(None, description="shared secret of web nodes and workers")

    whip_origins: str = Field(
        "", description="comma-separated origins of other sites whose pages may publish or play by WHIP; * for any"
    )
    turn_urls: str = Field(
        "", description="comma-separated TURN addresses for browsers, such as turn:turn.example.vn:3478?transport=udp"
    )
    turn_secret_file: Path | None = Field(None, description="the secret shared with the TURN servers")
    turn_hours: int = Field(12, ge=1, le=72, description="how long the TURN credentials of a join may be used")

    # Sessions
    session_hours: int = Field(12, ge=1, le=72, description="a session ends after this, however busy")
    idle_lock_minutes: int = Field(15, ge=1, description="a session without a request for this long is locked")
    sign_in_attempts: int = Field(5, ge=1, description="wrong passwords per account in 15 minutes")
    sign_in_attempts_per_address: int = Field(60, ge=1, description="the same per network address")

    # How much each may ask of a node: pages, REST and socket events together; ten seconds of it at once
    rate_person: float = Field(20, ge=0, description="requests and events a second of one person; 0: any number")
    rate_terminal: float = Field(30, ge=0, description="the same of one terminal")
    rate_facility: float = Field(100, ge=0, description="the same of one facility")
    rate_address: float = Field(
        50, ge=0, description="requests a second of all strangers behind one network address; 0: any number"
    )
    rate_consults: float = Field(
        60, ge=0, description="consults that one facility may ask for in a minute; 0: any number"
    )

    # Web Push
    push_key_file: Path | None = Field(
        None,
        description="key file (P-256, PEM) that signs Web Push, the same on every node; empty: made below the var "
        "folder, and none with a database server",
    )
    push_contact: str = Field(
        "admin@hoichan.invalid", description="mail address at which push services reach whoever runs this installation"
    )
    push_hosts: str = Field(
        "fcm.googleapis.com,updates.push.services.mozilla.com,*.push.apple.com,*.notify.windows.com",
        description="comma-separated hosts of push services that messages may go to; *.name for all below a name",
    )

    # Notices by mail and SMS, and calendars
    smtp_host: str = Field("", description="SMTP server that takes mail; empty: no mail is sent")
    smtp_port: int = Field(587, ge=1, le=65535, description="port of the SMTP server")
    smtp_tls: Literal["starttls", "tls", "none"] = Field(
        "starttls", description="starttls; tls: from the first byte, port 465; none: on an own network only"
    )
    smtp_user: str = Field("", description="user name at the SMTP server; empty: no sign-in")
    smtp_password_file: Path | None = Field(None, description="file with the password of that user")
    mail_from: str = Field("", description="address that mail comes from, such as hoichan@benhvien.example.vn")
    sms_url: str = Field("", description="HTTP gateway that takes SMS (POST); empty: no SMS is sent")
    sms_body: str = Field(
        '{"to": "{to}", "text": "{text}", "id": "{id}"}',
        description="JSON object that the gateway is sent, with the places {to}, {text} and {id}",
    )
    sms_form: bool = Field(False, description="send it as fields of a form instead of JSON")
    sms_authorization_file: Path | None = Field(
        None, description="file with the value of the header Authorization, such as Bearer …"
    )
    reminder_minutes: str = Field(
        "1440,60,5", description="how long before an appointment people are reminded, comma-separated; empty: never"
    )
    busy_minutes: int = Field(30, ge=5, description="how often calendars of busy times are read again")
    busy_days: int = Field(180, ge=1, le=400, description="how far ahead they are read")

    # Consults
    zone: str = Field("Asia/Ho_Chi_Minh", description="time zone in which times are shown")
    slots_ahead_days: int = Field(60, ge=1, le=365, description="how far ahead availability templates become slots")
    holidays_country: str = Field(
        "VN", description="country (ISO 3166-1) on whose public holidays templates offer nothing; empty: none"
    )
    ring_step_seconds: float = Field(
        30, gt=0, description="how long a step of the ladder rings, until an administrator edits its rules"
    )
    urgent_step_seconds: float = Field(120, gt=0, description="the same for urgent requests")
    routine_step_seconds: float = Field(300, gt=0, description="the same for routine requests")
    coordinator_step_seconds: float = Field(
        300, gt=0, description="how long the last step has before the request becomes a written case"
    )
    answer_emergency_seconds: float = Field(
        120, gt=0, description="within which time somebody should take a request: emergencies"
    )
    answer_urgent_seconds: float = Field(1800, gt=0, description="the same for urgent requests")
    answer_routine_seconds: float = Field(28800, gt=0, description="the same for routine requests")
    video_emergency_seconds: float = Field(
        120, gt=0, description="within which time of the answer one side should see the other: emergencies"
    )
    video_urgent_seconds: float = Field(300, gt=0, description="the same for urgent requests")
    video_routine_seconds: float = Field(600, gt=0, description="the same for routine requests")
    opinion_emergency_seconds: float = Field(
        3600, gt=0, description="within which time of the request an opinion should be closed: emergencies"
    )
    opinion_urgent_seconds: float = Field(14400, gt=0, description="the same for urgent requests")
    opinion_routine_seconds: float = Field(86400, gt=0, description="the same for routine requests")
    follow_up_days: str = Field(
        "1,7,21", description="days after the advice on which the clinic is asked for the outcome; empty: never"
    )
    claim_lease_seconds: float = Field(
        45, gt=0, description="how long a claim holds without a sign of life before its specialist enters the room"
    )
    ring_later_minutes: float = Field(5, gt=0, le=60, description="how long a promised later answer keeps a ring still")
    written_emergency_minutes: float = Field(30, gt=0, description="by when a written case is answered: emergencies")
    written_urgent_minutes: float = Field(240, gt=0, description="the same for urgent requests")
    written_routine_minutes: float = Field(1440, gt=0, description="the same for routine requests")
    written_after_minutes: float = Field(
        10, gt=0, description="how long a room that nobody ended stays empty before its case goes on in writing"
    )
    attachment_megabytes: int = Field(200, ge=1, le=2000, description="the largest file that a consult's thread takes")
    upload_hours: float = Field(24, gt=0, description="how long an unfinished upload waits for its rest")
    draft_hours: float = Field(72, gt=0, description="how long an unfinished request is kept")
    minutes_footer: str = Field(
        "",
        max_length=400,
        description="legal footer of minutes on paper and on the page; a lawyer's words, none by default",
    )
    signing_key_days: int = Field(
        365,
        ge=30,
        description="a key that signs minutes, or the trust list, is renewed at its next use after this long",
    )
    room_opens_minutes: int = Field(15, ge=0, description="a booked room opens this long before its time")
    hold_minutes: float = Field(2, gt=0, le=15, description="a slot is kept this long while its form is filled")
    waiting_offer_minutes: float = Field(
        30, gt=0, description="how long a slot that became free is kept for the first of the waiting list"
    )
    away_minutes: float = Field(
        30, gt=0, description="so long a specialist who takes an emergency is away: what is booked then is displaced"
    )
    grant_hours: int = Field(24, ge=1, description="the longest that a consult opens a book")
    book_before_minutes: int = Field(30, ge=0, description="a booked consult opens the book this long before its time")
    break_glass_hours: float = Field(4, gt=0, le=72, description="how long an emergency opening of a book holds")
    break_glass_characters: int = Field(10, ge=1, le=500, description="what has to be written for it at least")
    break_glass_review_hours: float = Field(72, gt=0, description="by when a data protection officer reviews it")
    old_vitals_hours: float = Field(24, gt=0, description="vital signs look old after this")
    old_weight_days: float = Field(180, gt=0, description="a weight looks old after this")
    old_results_days: float = Field(
        365, gt=0, description="laboratory results and other measurements look old after this"
    )
    old_reports_days: float = Field(730, gt=0, description="imaging reports look old after this")
    old_drugs_days: float = Field(365, gt=0, description="an entry about a current drug looks old after this")
    coordinator_telephone: str = Field("", description="shown when nobody answers")

    # Other systems
    sources_file: Path | None = Field(None, description="TOML file of the FHIR servers that hold books too")
    source_wait_seconds: float = Field(
        0.8, gt=0, le=60, description="a source of books that takes longer is shown as still loading, and follows"
    )
    fetch_networks: str = Field(
        "", description="comma-separated private networks that outgoing calls may reach, such as 10.20.0.0/16"
    )
    fetch_plain_hosts: str = Field(
        "", description="comma-separated hosts (name or name:port) that may be called by http; all others by https"
    )

    log_json: bool = Field(False, description="logs as JSON lines")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="DEBUG, INFO, WARNING or ERROR: the least that is logged"
    )

    @field_validator("log_level", mode="before")
    @classmethod
    def _upper(cls, value: object) -> object:
        return value.upper() if isinstance(value, str) else value

    @field_validator("zone")
    @classmethod
    def _known(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (KeyError, ValueError, OSError):
            raise ValueError("no such time zone, such as Asia/Ho_Chi_Minh") from None
        return value

    @field_validator("holidays_country")
    @classmethod
    def _kept(cls, value: str) -> str:
        # Here alone, for not even the default needs it: the library takes a third of a second to load.
        from holidays import list_supported_countries

        if value and value not in list_supported_countries(include_aliases=False):
            raise ValueError("no public holidays are known for this code, such as VN")
        return value

    @field_validator("fetch_networks")
    @classmethod
    def _networks(cls, value: str) -> str:
        Reach.read(value, "")
        return value

    @field_validator("mail_from")
    @classmethod
    def _sender(cls, value: str) -> str:
        if value and not _MAIL.fullmatch(value):
            raise ValueError("has to be a mail address, such as hoichan@benhvien.example.vn")
        return value

    @field_validator("sms_body")
    @classmethod
    def _sms_body(cls, value: str) -> str:
        try:
            is_object = isinstance(json.loads(value), dict)
        except ValueError:
            is_object = False
        if not is_object or "{to}" not in value or "{text}" not in value:
            raise ValueError("has to be a JSON object with the places {to} and {text}")
        return value

    @field_validator("reminder_minutes")
    @classmethod
    def _reminder_minutes(cls, value: str) -> str:
        parts = [part.strip() for part in value.split(",") if part.strip()]
        if len(parts) > 5 or not all(part.isdecimal() and 1 <= int(part) <= 20_160 for part in parts):
            raise ValueError("has to be up to five numbers of minutes, two weeks at most, such as 1440,60,5")
        return value

    @field_validator("follow_up_days")
    @classmethod
    def _follow_up_days(cls, value: str) -> str:
        parts = [part.strip() for part in value.split(",") if part.strip()]
        if len(parts) > 6 or not all(part.isdecimal() and 1 <= int(part) <= 365 for part in parts):
            raise ValueError("has to be up to six numbers of days, a year at most, such as 1,7,21")
        return value

    @field_validator("database_url")
    @classmethod
    def _driver(cls, value: str) -> str:
        if value and not value.startswith(("postgresql+asyncpg://", "sqlite+aiosqlite://")):
            raise ValueError("has to begin with postgresql+asyncpg://")
        return value

    @field_validator("redis_url")
    @classmethod
    def _scheme(cls, value: str) -> str:
        if value and not value.startswith(("redis://", "rediss://", "unix://")):
            raise ValueError("has to begin with redis://, rediss:// or unix://")
        return value

    @field_validator("media_tcp")
    @classmethod
    def _port(cls, value: str) -> str:
        if value not in ("same", "off") and not (value.isdecimal() and 0 < int(value) < 65536):
            raise ValueError("has to be same, off, or a port number")
        return value

    @property
    def files(self) -> Path:
        """The folder of attachments."""
        return self.files_folder or self.var / "files"

    @property
    def media_tcp_port(self) -> int | None:
        """The worker's TCP port; 0 for the number of its UDP port, None for no TCP."""
        return {"same": 0, "off": None}[self.media_tcp] if not self.media_tcp.isdecimal() else int(self.media_tcp)

    @field_validator("turn_urls")
    @classmethod
    def _turn(cls, value: str) -> str:
        for url in value.split(",") if value else ():
            if not _TURN_URI.fullmatch(url.strip()):
                raise ValueError(f"{url.strip()[:100]} is no TURN address, such as turn:turn.example.vn:3478")
        return value

    @property
    def whip_allowed(self) -> frozenset[str]:
        """Origins for WHIP and WHEP besides this installation's own."""
        return frozenset(origin.strip().rstrip("/") for origin in self.whip_origins.split(",") if origin.strip())

    @property
    def turn(self) -> tuple[str, ...]:
        """The TURN addresses, the preferred one first."""
        return tuple(url.strip() for url in self.turn_urls.split(",") if url.strip())

    @property
    def allowed_origins(self) -> frozenset[str]:
        """Exact origins for the socket and for forms; by default the server's own addresses."""
        if self.origins:
            return frozenset(origin.strip().rstrip("/") for origin in self.origins.split(",") if origin.strip())
        hosts = {self.host, "localhost"} if self.on_loopback else {self.host}
        return frozenset(f"http://{host}:{self.port}" for host in hosts)

    @property
    def site(self) -> str:
        """The origin to which links in mails and calendars lead: the first one given, else the server's own address."""
        given = [origin.strip().rstrip("/") for origin in self.origins.split(",") if origin.strip()]
        return given[0] if given else f"http://{self.host}:{self.port}"

    @property
    def reminders(self) -> tuple[timedelta, ...]:
        """How long before an appointment people are reminded."""
        return tuple(timedelta(minutes=int(part)) for part in self.reminder_minutes.split(",") if part.strip())

    @property
    def follow_ups(self) -> tuple[int, ...]:
        """On which days after the advice the clinic is asked what became of the patient."""
        return tuple(sorted({int(part) for part in self.follow_up_days.split(",") if part.strip()}))

    @property
    def on_loopback(self) -> bool:
        """Whether the web server is reachable from this machine alone."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def secure_cookies(self) -> bool:
        """Whether every origin is https, so that cookies may be marked Secure."""
        return all(origin.startswith("https://") for origin in self.allowed_origins)

    @property
    def audit_key(self) -> Path:
        """The key file that signs anchors."""
        return self.audit_key_file or self.var / "audit-key.pem"

    @property
    def audit_folder(self) -> Path:
        """The folder of anchors."""
        return self.audit_anchors or self.var / "anchors"

    @property
    def push_key(self) -> Path | None:
        """The key file of Web Push; None in a cluster that was given none, whose nodes would each make their own."""
        return self.push_key_file or (None if self.database_url else self.var / "push-key.pem")

    @property
    def push_services(self) -> tuple[str, ...]:
        """Hosts that messages of Web Push may go to."""
        return tuple(host.strip() for host in self.push_hosts.split(",") if host.strip())

    @property
    def database(self) -> str:
        """The SQLAlchemy address of the database, without the password of the file."""
        return self.database_url or f"sqlite+aiosqlite:///{(self.var / 'hoichan.db').resolve()}"
