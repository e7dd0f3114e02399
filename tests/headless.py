"""Chromium for tests and benches: the build without windows, which leaves a third of the processor's work undone.

Only what needs a window's surroundings (notifications, a service worker that is rung) takes the whole browser.
"""

from __future__ import annotations

from shutil import which

HEADLESS_CHROMIUM = which("chromium-headless-shell") or which("chromium") or "/usr/bin/chromium-headless-shell"
"""Some systems have but one package for both."""

WHOLE_CHROMIUM = which("chromium") or "/usr/bin/chromium"
