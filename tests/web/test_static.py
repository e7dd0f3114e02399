"""Styles, icons and templates fit together, and nothing in them reaches beyond this site."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
STYLES = ROOT / "web/static/styles"
TEMPLATES = ROOT / "web/templates"
CLIENT = ROOT / "web/client"


def sources(*folders: Path, suffix: str) -> dict[str, str]:
    return {
        str(path.relative_to(ROOT)): path.read_text("utf-8")
        for folder in folders
        for path in sorted(folder.rglob(f"*{suffix}"))
    }


def test_both_dark_blocks_are_equal() -> None:
    tokens = (STYLES / "tokens.css").read_text("utf-8")
    by_system = re.search(r':root:not\(\[data-theme="light"\]\) \{(.*?)\}', tokens, re.S)
    by_choice = re.search(r':root\[data-theme="dark"\] \{(.*?)\}', tokens, re.S)
    assert by_system
    assert by_choice
    assert by_system[1].split() == by_choice[1].split()


def test_colours_stand_in_the_tokens_alone() -> None:
    wrong = [
        f"{name}: {found}"
        for name, text in sources(STYLES, suffix=".css").items()
        if not name.endswith("tokens.css")
        for found in re.findall(r"[:\s](#[0-9a-fA-F]{3,8}\b|rgba?\([^)]*\)|hsla?\([^)]*\))", text)
        # paper and a QR code stay black on white in every theme
        if found not in ("#fff", "#000")
    ]
    assert not wrong


def test_styles_keep_to_the_floor_of_chromium_109() -> None:
    for name, text in sources(STYLES, suffix=".css").items():
        text = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
        assert not re.search(r"light-dark\(|color-mix\(|subgrid|&\s*[:.\[{]", text), name


def test_every_style_sheet_is_imported() -> None:
    imported = set(re.findall(r'@import "\./([^"]+)"', (STYLES / "style.css").read_text("utf-8")))
    there = {str(path.relative_to(STYLES)) for path in STYLES.rglob("*.css")} - {"style.css"}
    assert imported == there


def test_every_icon_that_is_asked_for_exists() -> None:
    icons = set(re.findall(r'id="i-([a-z-]+)"', (ROOT / "web/static/icons.svg").read_text("utf-8")))
    asked = {
        (name, icon)
        for name, text in sources(TEMPLATES, suffix=".html").items()
        for icon in re.findall(r'\bicon\("([^"]+)"', text)
    }
    assert asked
    assert not {(name, icon) for name, icon in asked if icon not in icons}


def test_every_script_that_a_template_asks_for_has_a_source() -> None:
    for name, text in sources(TEMPLATES, suffix=".html").items():
        for asset in re.findall(r'asset\("([^"]+)"\)', text):
            source = {".css": STYLES / asset, ".svg": ROOT / "web/static" / asset}.get(
                Path(asset).suffix, CLIENT / "pages" / f"{Path(asset).stem}.ts"
            )
            assert source.is_file(), f"{name} asks for {asset}"


def test_templates_hold_no_inline_style_or_script_and_no_other_host() -> None:
    for name, text in sources(TEMPLATES, suffix=".html").items():
        assert not re.search(r"\bstyle=|<style|<script(?![^>]*\bsrc=)|\son[a-z]+=\"|javascript:", text), name
        assert not re.search(r"(?:src|href|action)=\"(?:https?:)?//", text), name
        assert "| safe" not in text, name


def test_every_form_that_changes_something_carries_the_token() -> None:
    public = ("/sign-in",)
    for name, text in sources(TEMPLATES, suffix=".html").items():
        for form in re.findall(r"<form\b[^>]*method=\"post\".*?</form>", text, re.S):
            if any(f'action="{path}"' in form for path in public):
                continue
            elsewhere = form.endswith("></form>")  # its fields stand outside and name it by their form attribute
            assert "csrf" in (text if elsewhere else form), f"{name}: {form[:100]}"
