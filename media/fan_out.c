/* One packet to all its viewers: a header of its own for each, the payload, and SRTP's seal.
 *
 * This is the inner loop of media/forwarding.py, which does the same in Python where this is not built. It allocates
 * nothing, keeps nothing, and writes only into the slots that it is given, each SLOT bytes long.
 */
#include <stdint.h>
#include <string.h>

#define SLOT 2048
#define TRAILER 148

typedef int (*protect_t)(void *srtp, void *packet, int *length);

/* What media/tracks.py knows of one viewer's copy of a stream. */
struct viewer {
    void *srtp;
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

#define RING_MASK 1023 /* of the rings of media/flight.py */

static void put16(uint8_t *at, uint32_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static void put32(uint8_t *at, uint32_t value)
{
    put16(at, value >> 16);
    put16(at + 2, value);
}

static void renumber(uint8_t *payload, const struct packet *packet, const struct viewer *viewer)
{
    if (packet->picture_at >= 0 && packet->picture_at + packet->picture_is_wide < packet->size) {
        uint32_t id = (uint32_t)packet->picture_id + viewer->picture_offset;
        if (packet->picture_is_wide)
            put16(payload + packet->picture_at, 0x8000 | (id & 0x7FFF));
        else
            payload[packet->picture_at] = (uint8_t)(id & 0x7F);
    }
    if (packet->base_layer_at >= 0 && packet->base_layer_at < packet->size)
        payload[packet->base_layer_at] = (uint8_t)(packet->base_layer_index + viewer->base_layer_offset);
}

/* Grows with each change of the structures above, so that Python never fills another one than this was built with. */
int fan_out_version(void)
{
    return 2;
}

/* Writes the sealed packet of viewer i into the i-th slot and its length into lengths[i] (0: refused), and notes that it
 * has been sent. Returns how many were sealed. */
int fan_out(uintptr_t protect, const struct packet *packet, struct viewer **viewers, int count, uintptr_t slots,
            int stride, int *lengths)
{
    int sealed = 0;
    for (int i = 0; i < count; i++) {
        struct viewer *viewer = viewers[i];
        uint8_t *out = (uint8_t *)slots + (size_t)i * (size_t)stride;
        int begin = 20, length;
        uint16_t number = 0;
        lengths[i] = 0;
        if (packet->size < 0 || packet->size > SLOT - TRAILER - 24)
            continue;
        out[0] = 0x90;
        out[1] = packet->marker | viewer->payload_type;
        put16(out + 2, (uint32_t)packet->sequence + viewer->sequence_offset);
        put32(out + 4, packet->timestamp + viewer->timestamp_offset);
        put32(out + 8, viewer->ssrc);
        if (viewer->next_number) {
            number = (*viewer->next_number)++;
            memcpy(out + 12, viewer->before, 5);
            put16(out + 17, number);
            memcpy(out + 19, viewer->after, 5);
            begin = 24;
        } else {
            memcpy(out + 12, viewer->extension, 8);
        }
        memcpy(out + begin, packet->payload, (size_t)packet->size);
        if (viewer->picture_offset || viewer->base_layer_offset)
            renumber(out + begin, packet, viewer);
        length = begin + packet->size;
        if (((protect_t)protect)(viewer->srtp, out, &length))
            continue;
        lengths[i] = length;
        viewer->packets++;
        viewer->octets += (uint32_t)packet->size;
        if (viewer->next_number) {
            uint16_t slot = number & RING_MASK;
            viewer->sent_times[slot] = packet->now;
            viewer->sent_sizes[slot] = (uint16_t)length;
            *viewer->sent_last = slot;
        }
        sealed++;
    }
    return sealed;
}
