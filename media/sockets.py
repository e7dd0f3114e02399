"""The worker's sockets: UDP, and TCP on the same port number unless the settings say otherwise."""

from __future__ import annotations

import errno
import socket

from media.settings import WorkerSettings

_SOCKET_BUFFER = 8 << 20
_BACKLOG = 128
_TRIES = 20


def bind(settings: WorkerSettings) -> tuple[socket.socket, socket.socket | None]:
    """The UDP socket, and the listening one of TCP if the settings want one. Raises OSError, as for a taken port."""
    for _ in range(_TRIES):
        datagrams = _bound(settings.bind_host, settings.port, socket.SOCK_DGRAM)
        if settings.tcp_port is None:
            return datagrams, None
        try:
            port = settings.tcp_port or datagrams.getsockname()[1]
            return datagrams, _bound(settings.bind_host, port, socket.SOCK_STREAM)
        except OSError as error:
            datagrams.close()
            # Of a port that the system chose for UDP, TCP may be taken: then it chooses again.
            if error.errno != errno.EADDRINUSE or settings.port or settings.tcp_port:
                raise
    raise OSError(errno.EADDRINUSE, "no port number is free for both UDP and TCP")


def _bound(host: str, port: int, kind: socket.SocketKind) -> socket.socket:
    bound = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, kind)
    try:
        bound.setblocking(False)
        if kind is socket.SOCK_STREAM:  # connections of the run before may still be in their last wait
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        else:
            for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
                bound.setsockopt(socket.SOL_SOCKET, option, _SOCKET_BUFFER)
        bound.bind((host, port))
        if kind is socket.SOCK_STREAM:
            bound.listen(_BACKLOG)
    except OSError:
        bound.close()
        raise
    return bound
