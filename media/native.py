"""The loops in C, where they have been built (`fan_out.c`, `intake.c`), and the memory that they share with Python.

The structures are those of `fan_out.h` and `intake.c`, field by field: whoever changes one changes `VERSION` too.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import cffi  # type: ignore[import-untyped]  # its stubs would pin another package for one file

log = logging.getLogger(__name__)

VERSION = 5
LIBRARY = Path(__file__).with_name("_fan_out.so")
SOURCES = 2_048
"""What `intake.c` holds at most."""

ffi = cffi.FFI()
ffi.cdef(
    """
    struct peer { char name[32]; int32_t first; int32_t last; };
    struct wait { int32_t next; int32_t length; };
    struct queue {
        uintptr_t slots; struct wait *waits; struct peer **touched;
        uintptr_t vectors, messages, controls;
        int32_t stride, most, touched_count, name_bytes, most_segments, most_octets;
    };
    struct viewer {
        void *srtp; struct peer *peer; uint16_t *next_number;
        double *sent_times; uint16_t *sent_sizes; uint16_t *sent_last;
        uint32_t packets, octets; uint32_t ssrc; uint32_t timestamp_offset; uint16_t sequence_offset;
        uint16_t picture_offset; uint8_t base_layer_offset; uint8_t payload_type;
        uint8_t extension[8]; uint8_t before[5]; uint8_t after[5];
    };
    struct reception {
        double jitter, newest_at, frame_at;
        int64_t base, cycles, received, least, older_least;
        int64_t octets, frames, frame_timestamp, key_timestamp, key_octets;
        uint32_t transit, timestamp, clock_rate;
        uint16_t highest;
    };
    struct source {
        char name[32]; void *srtp; struct reception *reception; struct viewer **viewers;
        uint32_t ssrc; int32_t next, count, words, number_at, level_at;
        uint8_t armed, payload_type, codec, renumbers, number_head, level_head;
    };
    struct intake { struct source sources[2048]; int32_t heads[4096]; };
    int fan_out_version(void);
    int fan_out(uintptr_t protect, void *packet, struct viewer **viewers, int count, uintptr_t slots, int stride,
                int *lengths, struct queue *queue, int slot);
    void queue_wait(struct queue *queue, uintptr_t peer, int slot, int length);
    int queue_gather(struct queue *queue, int segments);
    void intake_clear(struct intake *intake);
    void intake_add(struct intake *intake, int place);
    void intake_remove(struct intake *intake, int place);
    int intake_take(struct intake *intake, uintptr_t batch, int datagrams, double now, uintptr_t protect,
                    uintptr_t unprotect, struct queue *queue, int slot, int room, void *records);
    """
)


def library(path: Path = LIBRARY) -> Any:
    """The loops, or None where they have not been built, or were built from other sources."""
    try:
        loaded = ffi.dlopen(str(path))
    except OSError:
        return None
    if loaded.fan_out_version() != VERSION:
        log.warning("the forwarder's loops in C are of another version and are left out: run `make setup`")
        return None
    return loaded
