"""The font set: a character that the documents' font cannot show never reaches the typesetter."""

from __future__ import annotations

import pytest
import typst
from hypothesis import given, settings
from hypothesis import strategies as st

from web.documents.repertoire import FONT, Setting, shown

PAGE = '#set document(title: "x")\n#set text(font: "%s", fallback: false, weight: "%s")\n#sys.inputs.text'


def pdf(text: str, weight: str = "regular", font: str = FONT) -> bytes:
    page = (PAGE % (font, weight)).encode()
    made = typst.compile(page, format="pdf", pdf_standards="a-2b", sys_inputs={"text": text}, ignore_system_fonts=True)
    assert isinstance(made, bytes)
    return made


def test_the_font_has_every_character_of_the_repertoire() -> None:
    families = typst.Fonts(include_system_fonts=False).families()
    assert {FONT, "DejaVu Sans Mono"} <= set(families), "the typesetter no longer brings the font along"
    for weight in ("regular", "bold"):
        # In PDF/A a glyph that is missing is an error: this is the build of the font set.
        assert pdf(" ".join(shown()), weight)
    with pytest.raises(typst.TypstError):
        pdf("😀")


def test_vietnamese_is_set_as_it_is_and_the_rest_is_said() -> None:
    fit = Setting()
    assert fit.text("Nguye\u0302\u0303n Thị Ưởng, Đặng ≥ 185 µg") == "Nguyễn Thị Ưởng, Đặng ≥ 185 µg"
    assert fit.notes() == []
    assert fit.text("👨‍⚕️ شفاء") == "[U+1F468][U+2695] [U+0634][U+0641][U+0627][U+0621]"
    assert fit.notes()[:2] == [("U+1F468", "MAN"), ("U+2695", "STAFF OF AESCULAPIUS")]


@settings(max_examples=30, deadline=None)
@given(st.text(max_size=200))
def test_no_text_breaks_the_setting(text: str) -> None:
    assert pdf(Setting().text(text))
