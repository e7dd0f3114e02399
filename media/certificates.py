"""Self-signed certificates, as peers show them who are known by a fingerprint alone (RFC 8122)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec


def self_signed(
    name: str, now: datetime, lasts: timedelta, others: Sequence[x509.GeneralName] = ()
) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    """A new one and its key on P-256. It is valid from a day ago, since clocks differ; `others` are further names."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + lasts)
    )
    if others:
        builder = builder.add_extension(x509.SubjectAlternativeName(others), critical=False)
    return builder.sign(key, hashes.SHA256()), key
