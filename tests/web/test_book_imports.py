"""The administrators' page of imports: problems by place, type and code, and nobody's name or number."""

from __future__ import annotations

import json
import re
from pathlib import Path

from records_panel.book_import import BookImport
from records_panel.embedded_book import EmbeddedBook
from tests.web.conftest import SEALER, Browser, Site


async def test_problems_of_a_run_are_listed_without_a_patient(site: Site, browser: Browser, tmp_path: Path) -> None:
    person = {"resourceType": "Patient", "id": "p", "name": [{"text": "Trần Thị Mai"}], "birthDate": "1970"}
    strange = {"resourceType": "Nguyễn Văn A", "code": {"text": "Bí mật"}}
    flags = [{"resourceType": "Flag", "id": str(number)} for number in range(60)]
    text = json.dumps({"resourceType": "Bundle", "entry": [{"resource": one} for one in (person, strange, *flags)]})
    (tmp_path / "Trần Thị Mai.json").write_text(text.replace('"Flag"', '"Flag", "n": NaN'))
    database = site.services.database
    book = EmbeddedBook(database, SEALER)
    job = BookImport(database, SEALER, book, site.services.audit, "51001")
    assert len([one async for one in job.run([tmp_path])]) == 62
    await browser.sign_in("qt.an")
    pages = []
    for language, said in (("vi", "Đã nhận"), ("en", "Accepted")):
        browser.client.session.cookie_jar.update_cookies({"hoichan_language": language})
        assert (await browser.get("/administration/books")).status == 200
        pages.append(browser.page)
        assert said in browser.page
    (run,) = set(re.findall(r'href="(/administration/books/imr_[0-9a-f]+)"', browser.page))
    assert (await browser.get(run)).status == 200
    pages.append(browser.page)
    assert "A number is none (NaN or infinite)" in browser.page
    found = re.search(r'href="(/administration/books/imr_[0-9a-f]+\?after=[0-9]+)"', browser.page)
    assert found is not None
    await browser.get(found[1])
    pages.append(browser.page)
    places = [place for page in pages[-2:] for place in re.findall(r">(entry [0-9]+)<", page)]
    assert len(places) == len(set(places)) == 62
    assert "Flag" in browser.page
    for secret in ("Thị Mai", "Bí mật", "Nguyễn", "1970"):
        assert not [page for page in pages if secret in page]
    # An administrator of one clinic may not know of patients of others.
    local = await site.browser()
    await local.sign_in("qt.tram")
    for path in ("/administration/books", run):
        assert (await local.get(path)).status == 403
    await local.get("/administration/staff")
    assert "/administration/books" not in local.page
