"""`hoichan staff` on an installation that holds nothing: the first person can sign in."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from foundation.settings import Settings
from hoichan.__main__ import main
from hoichan.wiring import opened
from identity.model import FacilityKind, Session


@pytest.fixture(autouse=True)
def _settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOICHAN_VAR", str(tmp_path))


def staff(*arguments: str, typed: str = "") -> Result:
    return CliRunner().invoke(main, ["staff", *arguments], input=typed)


def first() -> Result:
    return staff(
        "create-admin",
        *("--user-name", "qt.dau", "--full-name", "KS. Đầu Tiên"),
        *("--facility-code", "51921", "--facility-name", "Bệnh viện Sông Trà"),
    )


def signed_in(user_name: str, password: str) -> Session:
    async def work() -> Session:
        async with opened(Settings()) as parts:
            return (await parts.accounts.sign_in(user_name, password, address="127.0.0.1"))[0]

    return asyncio.run(work())


def test_the_first_administrator_of_an_empty_installation_signs_in() -> None:
    result = first()
    assert result.exit_code == 0, result.output
    password = result.stdout.strip()  # alone on standard output, so that a script can take it
    session = signed_in("qt.dau", password)
    assert session.staff.installation_wide
    assert session.staff.must_change_password
    assert (session.facility.code, session.facility.kind) == ("51921", FacilityKind.PROVINCIAL_HOSPITAL)


def test_what_is_missing_is_asked_for() -> None:
    result = staff(
        "create-admin", "--user-name", "qt.dau", "--full-name", "Quản trị", typed="51921\nBệnh viện Sông Trà\n"
    )
    assert result.exit_code == 0, result.output
    assert "Facility code" in result.stderr
    assert signed_in("qt.dau", result.stdout.split()[-1]).facility.name == "Bệnh viện Sông Trà"


def test_a_second_run_says_that_the_name_is_taken() -> None:
    first()
    result = first()
    assert result.exit_code == 1
    assert "user_name: Somebody else has this user name." in result.output


def test_accounts_are_made_listed_reset_and_taken_away() -> None:
    first()
    made = staff(
        *("create", "--user-name", "dp.khue", "--full-name", "CN. Khuê"),
        *("--facility-code", "51921", "--role", "coordinator"),
    )
    assert made.exit_code == 0, made.output
    assert staff("list").stdout.splitlines() == [
        "51921\tdp.khue\tCN. Khuê\tcoordinator",
        "51921\tqt.dau\tKS. Đầu Tiên\tadministrator",
    ]
    again = staff("reset-password", "dp.khue").stdout.strip()
    assert again != made.stdout.strip()
    assert signed_in("dp.khue", again).staff.full_name == "CN. Khuê"
    assert staff("deactivate", "dp.khue").exit_code == 0
    assert "dp.khue" not in staff("list").stdout
    assert "dp.khue\tCN. Khuê\tcoordinator (deactivated)" in staff("list", "--all").stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ("reset-password", "nobody.here"),
        ("create", "--user-name", "a.b", "--full-name", "A", "--facility-code", "00000", "--role", "coordinator"),
        ("create", "--user-name", "a.b", "--full-name", "A", "--facility-code", "51921", "--role", "king"),
        ("create-admin", "--user-name", "hoà", "--full-name", "A", "--facility-code", "51921"),
    ],
)
def test_mistakes_are_told_in_a_sentence(arguments: tuple[str, ...]) -> None:
    first()
    result = staff(*arguments)
    assert result.exit_code != 0
    assert isinstance(result.exception, SystemExit)
    assert "Error: " in result.output
