"""Random secrets that the program hands out, and what is kept of them: a SHA-256, never the secret."""

from __future__ import annotations

import hashlib
import secrets

_READABLE = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's base 32: no I, L, O, U


def new_secret(prefix: str = "") -> str:
    """256 random bits as URL-safe text, after a prefix by which leaked ones can be searched for."""
    return prefix + secrets.token_urlsafe(32)


def new_code() -> str:
    """50 random bits that a person types once: `7K3M9-XW2QF`."""
    letters = "".join(secrets.choice(_READABLE) for _ in range(10))
    return f"{letters[:5]}-{letters[5:]}"


def normal_code(typed: str) -> str:
    """A typed code as `new_code` made it: any case, spaces or dashes, and O for 0, I and L for 1."""
    letters = "".join(character for character in typed.upper() if character.isalnum())
    return letters.replace("O", "0").replace("I", "1").replace("L", "1")


def digest(secret: str) -> bytes:
    """What is stored, 32 bytes. The secrets are random, so that a fast hash is enough."""
    return hashlib.sha256(secret.encode()).digest()
