"""The list of FHIR servers to ask, as an administrator writes it in a TOML file. Secrets are files that it names."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, field_validator

from records_panel.identifier_systems import Systems

_MOST_SOURCES = 16
_System = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9+.-]*:[^\s|,$\\]+$", max_length=200)]
_Address = Annotated[str, StringConstraints(pattern=r"^https?://[^\s?#]+$", max_length=500)]


class SourceAuth(BaseModel):
    """Who we are to a server: SMART Backend Services, client authentication by `private_key_jwt` (RFC 7523)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    client_id: str = Field(min_length=1, max_length=200)
    key_file: Path = Field(description="the private key: PEM, or a JWK, or a JWK set")
    key_id: str = Field("", description="`kid` under which the server knows the public key; empty: the JWK's own")
    algorithm: Literal["ES384", "RS384"] = "ES384"
    token_url: _Address | None = Field(None, description="empty: as .well-known/smart-configuration says")
    scope: str = Field("system/*.rs", max_length=2000)


class SourceSettings(BaseModel):
    """One FHIR R4 server."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,31}$")]
    """Stands in the database: it has to stay the same."""
    name: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=80)]
    base: _Address
    summary: Literal["auto", "yes", "no"] = Field("auto", description="whether it has Patient/$summary; auto: ask it")
    cccd_systems: tuple[_System, ...] = Systems().cccd
    bhyt_systems: tuple[_System, ...] = Systems().bhyt
    writes: bool = Field(False, description="whether closed consults are written there")
    deadline_s: float = Field(5, gt=0, le=60, description="for the first page; three times as long for the whole book")
    page_size: int = Field(200, ge=1, le=1000)
    most_pages: int = Field(10, ge=1, le=100, description="of each kind of entries")
    ca_file: Path | None = Field(None, description="PEM of the authority that signed its certificate, if a private one")
    auth: SourceAuth | None = None

    @field_validator("id")
    @classmethod
    def _not_ours(cls, value: str) -> str:
        if value == "embedded":
            raise ValueError("is this system's own book")
        return value

    @field_validator("base")
    @classmethod
    def _bare(cls, value: str) -> str:
        return value.rstrip("/")

    @property
    def systems(self) -> Systems:
        """Its identifier systems."""
        return Systems(self.cccd_systems, self.bhyt_systems)


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")
    source: tuple[SourceSettings, ...] = Field((), max_length=_MOST_SOURCES)

    @field_validator("source")
    @classmethod
    def _distinct(cls, value: tuple[SourceSettings, ...]) -> tuple[SourceSettings, ...]:
        if len({source.id for source in value}) < len(value):
            raise ValueError("two sources have the same id")
        return value


def read_sources(path: Path) -> tuple[SourceSettings, ...]:
    """The sources of a TOML file. Raises ValueError with one line for each mistake, OSError when it cannot be read."""
    try:
        read = _File.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{path.name} is no TOML: {error}") from None
    except ValidationError as error:
        told = [
            f"{path.name}: {'.'.join(map(str, found['loc']))}: {found['msg'].removeprefix('Value error, ')}"
            for found in error.errors(include_input=False, include_url=False)
        ]
        raise ValueError("\n".join(told)) from None
    return read.source
