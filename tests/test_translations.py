"""Every sentence that a person can meet exists in Vietnamese, once, and with the same places to fill in."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages.extract import extract_from_file
from babel.messages.pofile import read_po

from foundation.i18n import LOCALE_FOLDER

ROOT = Path(__file__).parents[1]
PACKAGES = (
    "foundation",
    "identity",
    "notify",
    "media",
    "consult_rooms",
    "records_panel",
    "signaling",
    "web",
    "hoichan",
)
MARKS = {"_": None, "N_": None, "plural": (1, 2)}
PLACES = re.compile(r"%\((\w+)\)")


def _sources() -> Iterator[tuple[str, Path]]:
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            if "node_modules" not in path.parts:
                yield "python", path
        for path in sorted((ROOT / package).rglob("templates/**/*")):
            if path.suffix in (".html", ".txt", ".typ"):
                yield "jinja2.ext:babel_extract", path


def _messages() -> dict[str, str]:
    """Each message id, and where it stands."""
    found: dict[str, str] = {}
    for method, path in _sources():
        for line, message, _comments, _context in extract_from_file(method, path, keywords=MARKS):
            for text in message if isinstance(message, tuple) else (message,):
                if text:
                    found.setdefault(text, f"{path.relative_to(ROOT)}:{line}")
    return found


def _catalogues() -> dict[str, dict[str, str]]:
    """By message id: the translation in each file that has one."""
    found: dict[str, dict[str, str]] = {}
    for path in sorted((LOCALE_FOLDER / "vi").glob("*.po")):
        with path.open("rb") as file:
            for message in read_po(file, locale="vi"):
                if message.id:
                    ids = (message.id,) if isinstance(message.id, str) else message.id
                    text = message.string if isinstance(message.string, str) else (message.string or ("",))[0]
                    for id_ in ids:
                        found.setdefault(id_, {})[path.name] = text or ""
    return found


@pytest.fixture(scope="module")
def messages() -> dict[str, str]:
    return _messages()


@pytest.fixture(scope="module")
def catalogues() -> dict[str, dict[str, str]]:
    return _catalogues()


def test_extraction_finds_messages_of_code_and_of_templates(messages: dict[str, str]) -> None:
    assert messages["There is no such page."].startswith("web/")
    assert (
        "sign_in.html"
        in messages[
            "Forgotten your password: ask your facility's administrator. "
            "On a shared computer, sign out when you leave the desk."
        ]
    )


def test_every_message_has_a_vietnamese_sentence(
    messages: dict[str, str], catalogues: dict[str, dict[str, str]]
) -> None:
    missing = {text: place for text, place in messages.items() if not any(catalogues.get(text, {}).values())}
    assert not missing


def test_no_translation_is_empty(catalogues: dict[str, dict[str, str]]) -> None:
    assert not [(id_, name) for id_, files in catalogues.items() for name, text in files.items() if not text]


def test_one_message_has_one_translation(catalogues: dict[str, dict[str, str]]) -> None:
    assert not {id_: files for id_, files in catalogues.items() if len(set(files.values())) > 1}


def test_no_translation_is_left_over(messages: dict[str, str], catalogues: dict[str, dict[str, str]]) -> None:
    assert not {id_: sorted(files) for id_, files in catalogues.items() if id_ not in messages}


def test_places_to_fill_in_are_the_same(catalogues: dict[str, dict[str, str]]) -> None:
    wrong = {
        id_: files
        for id_, files in catalogues.items()
        for text in files.values()
        if set(PLACES.findall(text)) - set(PLACES.findall(id_))
    }
    assert not wrong
