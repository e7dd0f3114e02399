/* What the two loops in C share with each other and, field by field, with media/native.py. */
#ifndef FAN_OUT_H
#define FAN_OUT_H

#include <stdint.h>

#define SLOT 2048
#define TRAILER 148

/* Of libsrtp; all of them give 0 when it is well. */
typedef int (*srtp_t)(void *srtp, void *packet, int *length);

/* A socket address, and the first and last slot that wait for it; -1: none. See media/address.py. */
struct peer {
    char name[32];
    int32_t first, last;
};

struct wait {
    int32_t next, length;
};

/* What waits for the turn to end, and the memory in which it becomes messages. */
struct queue {
    uint8_t *slots;
    struct wait *waits; /* by slot */
    struct peer **touched;
    void *vectors, *messages, *controls;
    int32_t stride, most, touched_count, name_bytes, most_segments, most_octets;
};

/* What media/tracks.py knows of one viewer's copy of a stream. */
struct viewer {
    void *srtp;
    struct peer *peer;
    uint16_t *next_number; /* of the connection; null when packets bear no transport-wide number */
    double *sent_times;    /* media/flight.py: when each number left, and how large, in rings */
    uint16_t *sent_sizes;
    uint16_t *sent_last;
    uint32_t packets, octets; /* sent to this viewer from here */
    uint32_t ssrc;
    uint32_t timestamp_offset;
    uint16_t sequence_offset;
    uint16_t picture_offset;
    uint8_t base_layer_offset;
    uint8_t payload_type;
    uint8_t extension[8]; /* the mid alone */
    uint8_t before[5];    /* the mid and a number: what stands before the number, and what after it */
    uint8_t after[5];
};

/* A publisher's packet. Places in the payload are -1 where VP8's descriptor has no such field (RFC 7741). */
struct packet {
    const uint8_t *payload;
    int32_t size;
    int32_t picture_at;
    int32_t base_layer_at;
    uint32_t timestamp;
    double now;
    uint16_t sequence;
    uint16_t picture_id;
    uint8_t marker; /* 0x80 or 0 */
    uint8_t picture_is_wide;
    uint8_t base_layer_index;
};

int fan_out(uintptr_t protect, const struct packet *packet, struct viewer **viewers, int count, uintptr_t slots,
            int stride, int *lengths, struct queue *queue, int slot);

#endif
