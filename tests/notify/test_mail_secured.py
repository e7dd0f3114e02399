"""Mail over STARTTLS with a sign-in, to a real server that takes none otherwise; an unknown certificate is refused."""

from __future__ import annotations

import asyncio
import ipaddress
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from foundation.database import Database
from foundation.sealing import Sealer
from notify.mail import Mailer, SmtpServer
from notify.notice import Channel
from tests.notify.outgoing import SITE, MailServer, booked, post


def certificate(folder: Path) -> tuple[ssl.SSLContext, Path]:
    """A server's context for 127.0.0.1, and the file of the certificate by which a client trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "mail.test")])
    now = datetime.now(UTC)
    own = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(own, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem, trusted = folder / "server.pem", folder / "trusted.pem"
    public = made.public_bytes(serialization.Encoding.PEM)
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    pem.write_bytes(secret + public)
    trusted.write_bytes(public)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    return context, trusted


async def test_mail_is_sealed_on_its_way_and_signed_in(
    sqlite_database: Database, sealer: Sealer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context, trusted = certificate(tmp_path)
    told, loop = MailServer(), asyncio.get_running_loop()

    def knows(_server: SMTP, session: Session, _envelope: Envelope, _mechanism: str, given: object) -> AuthResult:
        right = isinstance(given, LoginPassword) and (given.login, given.password) == (b"hoichan", b"mat-khau")
        return AuthResult(success=right and session.ssl is not None, handled=False)

    server = await loop.create_server(
        lambda: SMTP(
            told,
            enable_SMTPUTF8=True,
            loop=loop,
            tls_context=context,
            require_starttls=True,
            auth_required=True,
            authenticator=knows,
        ),
        "127.0.0.1",
        0,
    )
    port = int(server.sockets[0].getsockname()[1])
    box = await post(sqlite_database, sealer, {})

    async def sent(password: str) -> tuple[str, str | None]:
        given = SmtpServer("127.0.0.1", port, "hoichan@benhvien.example.vn", "starttls", "hoichan", password)
        box.carriers[Channel.MAIL] = Mailer(given, box.contacts, lambda _message, _address: None, SITE)
        await box.tell(booked(part=str(len(await box.rows(Channel.MAIL)))))
        await box.delivery.run_due()
        row = (await box.rows(Channel.MAIL))[-1]
        return row.state, row.fault

    try:
        assert await sent("mat-khau") == ("waiting", "smtp.connection"), "nobody vouches for the server"
        monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
        assert await sent("sai") == ("waiting", "smtp.535")
        assert told.received == []
        assert await sent("mat-khau") == ("sent", None)
        assert len(told.received) == 1
    finally:
        server.close()
