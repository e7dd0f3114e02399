"""A slip that travels alone where only paper can: the QR code of signed minutes on one page, and no name of anybody."""

from __future__ import annotations

from pathlib import Path

from consult_rooms.minutes import MinutesView
from foundation.i18n import N_, Language
from web.documents.minutes_pdf import codes_of
from web.documents.repertoire import FONT

TEMPLATE = Path(__file__).with_name("slip.typ")
TITLE = N_("Proof of signed minutes")
_WORDS = {
    "page": N_("Page"),
    "qr": N_("QR code that holds the signatures"),
    "digest": N_("Fingerprint of the signed document (SHA-256)"),
    "keys": N_("Keys that signed (Ed25519)"),
    "payload": N_("What the code holds"),
}
_SAYS = N_(
    "Scan the code at %(address)s, also without a network. It tells which keys signed and whether the signatures hold; "
    "whoever has the document sees whether it is this one. No name stands here."
)


def slip_data(view: MinutesView, language: Language, *, footer: str, address: str, demo: str) -> dict[str, object]:
    """What the template needs. Raises ValueError before the first signature."""
    if view.saved is None or not view.signatures:
        raise ValueError("nothing was signed yet")
    code = codes_of(view, language, address)[0]
    return {
        "language": language.code,
        "font": FONT,
        "words": {name: language.text(text) for name, text in _WORDS.items()},
        "title": language.text(TITLE),
        "says": language.text(_SAYS, address=address),
        "demo": demo,
        "footer": footer,
        "svg": code["svg"],
        "digest": view.saved.digest,
        "keys": [one.key_id for one in view.signatures],
        "payload": code["payload"],
    }
