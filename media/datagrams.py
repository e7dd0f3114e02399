"""The kernel's calls for many datagrams at once, `recvmmsg` and `sendmmsg`, and how their structures lie in memory.

A forwarder spends most of its time in the kernel: on the way out each datagram costs several times what encrypting
it costs. `media.incoming` and `media.outgoing` go through here.
"""

from __future__ import annotations

import struct
import sys
from contextlib import suppress
from typing import Any

import cffi  # type: ignore[import-untyped]  # its stubs would pin another package for one file

READ_BATCH = 32
WRITE_BATCH = 512
SOL_UDP, UDP_SEGMENT = 17, 103

ffi = cffi.FFI()
ffi.cdef(
    """
    struct iovec { void *iov_base; size_t iov_len; };
    struct msghdr {
        void *msg_name; uint32_t msg_namelen;
        struct iovec *msg_iov; size_t msg_iovlen;
        void *msg_control; size_t msg_controllen;
        int msg_flags;
    };
    struct mmsghdr { struct msghdr msg_hdr; unsigned int msg_len; };
    int recvmmsg(int fd, struct mmsghdr *messages, unsigned int count, int flags, void *timeout);
    int sendmmsg(int fd, struct mmsghdr *messages, unsigned int count, int flags);
    int malloc_trim(size_t pad);
    """
)
libc: Any = ffi.dlopen(None)
BATCHES = sys.platform == "linux" and ffi.sizeof("struct mmsghdr") == 64
"""Whether calls and 64-bit layout are there; elsewhere (a developer's Mac) datagrams go one by one."""

# `struct msghdr` and `struct cmsghdr` of 64-bit Linux, each in one go: field by field costs more than encrypting.
MESSAGE = struct.Struct("=QI4xQQQQi4xI4x")
VECTOR = struct.Struct("=QQ")
CONTROL = struct.Struct("=QiiH6x")
CONTROL_USED = 18


def return_memory() -> None:
    """Give memory that nobody uses any more back to the system, as the C library would only when its end is free."""
    with suppress(AttributeError):  # a C library that has no such call
        libc.malloc_trim(0)
