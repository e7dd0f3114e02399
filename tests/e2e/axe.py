"""axe-core on a page: what a person with a screen reader, a keyboard or weak eyes would stumble over."""

from __future__ import annotations

from typing import Any

from playwright.async_api import Page

from tests.e2e.server import REPOSITORY

AXE = REPOSITORY / "node_modules/axe-core/axe.min.js"


async def violations(page: Page, *rules: str, selector: str = "html") -> list[str]:
    """What axe-core finds below `selector` by `rules`; without any by those of WCAG A and AA and of good practice."""
    if not await page.evaluate("() => 'axe' in window"):
        # Through the debugger, as the page's own policy lets in no script from elsewhere.
        await page.evaluate(AXE.read_text("utf-8"))
    options: dict[str, Any] = {"resultTypes": ["violations"], **({"runOnly": list(rules)} if rules else {})}
    found: Any = await page.evaluate("([selector, options]) => axe.run(selector, options)", [selector, options])
    return [
        f"{rule['id']}: {node['target']} {node['html'][:200]} {node['failureSummary']}"
        for rule in found["violations"]
        for node in rule["nodes"]
    ]
