/* One packet to all its viewers: a header of its own for each, the payload, and SRTP's seal; and what waits to be sent,
 * by peer, made into messages for the kernel.
 *
 * These are the inner loops of media/forwarding.py and media/outgoing.py, which do the same in Python where this is not
 * built. Nothing is allocated here: all memory is Python's, and packets are written only into the slots that it gives,
 * each SLOT bytes long.
 */
#define _GNU_SOURCE
#include <netinet/in.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#ifdef __linux__
#include <netinet/udp.h>
#ifndef SOL_UDP
#define SOL_UDP 17
#endif
#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
#endif

#include "fan_out.h"

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
    return 5;
}

/* The first `length` bytes of a slot go to that peer, behind what waits for it now. */
void queue_wait(struct queue *queue, struct peer *peer, int slot, int length)
{
    if (slot < 0 || slot >= queue->most)
        return;
    queue->waits[slot].next = -1;
    queue->waits[slot].length = length;
    if (peer->first < 0) {
        peer->first = slot;
        queue->touched[queue->touched_count++] = peer;
    } else {
        queue->waits[peer->last].next = slot;
    }
    peer->last = slot;
}

#ifdef __linux__
/* Makes messages of all that waits, runs of one size as one where `segments` says so; returns how many. */
int queue_gather(struct queue *queue, int segments)
{
    struct iovec *vectors = queue->vectors;
    struct mmsghdr *messages = queue->messages;
    int made = 0, used = 0, most = segments ? queue->most_segments : 1;
    for (int i = 0; i < queue->touched_count; i++) {
        struct peer *peer = queue->touched[i];
        for (int at = peer->first; at >= 0;) {
            struct msghdr *message = &messages[made].msg_hdr;
            int size = queue->waits[at].length, first = used, octets = 0, length;
            do {
                length = queue->waits[at].length;
                vectors[used].iov_base = queue->slots + (size_t)at * (size_t)queue->stride;
                vectors[used].iov_len = (size_t)length;
                used++;
                octets += length;
                at = queue->waits[at].next;
                /* A run has one size; its last datagram may be shorter. */
            } while (at >= 0 && length == size && queue->waits[at].length <= size && used - first < most &&
                     octets + size <= queue->most_octets);
            memset(message, 0, sizeof *message);
            message->msg_name = peer->name;
            message->msg_namelen = (socklen_t)queue->name_bytes;
            message->msg_iov = vectors + first;
            message->msg_iovlen = (size_t)(used - first);
            if (used - first > 1) {
                struct cmsghdr *control = (struct cmsghdr *)((char *)queue->controls + made * CMSG_SPACE(2));
                uint16_t segment = (uint16_t)size;
                control->cmsg_len = CMSG_LEN(2);
                control->cmsg_level = SOL_UDP;
                control->cmsg_type = UDP_SEGMENT;
                memcpy(CMSG_DATA(control), &segment, 2);
                message->msg_control = control;
                message->msg_controllen = CMSG_SPACE(2);
            }
            made++;
        }
        peer->first = peer->last = -1;
    }
    queue->touched_count = 0;
    return made;
}
#else
int queue_gather(struct queue *queue, int segments) /* never called: Python keeps what waits */
{
    (void)queue, (void)segments;
    return 0;
}
#endif

/* Writes the sealed packet of viewer i into the i-th slot and its length into lengths[i] (0: refused), and notes that it
 * has been sent. With a queue, whose slots these are from `slot` on, it waits there for its peer. Returns how many were
 * sealed. */
int fan_out(uintptr_t protect, const struct packet *packet, struct viewer **viewers, int count, uintptr_t slots,
            int stride, int *lengths, struct queue *queue, int slot)
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
        if (((srtp_t)protect)(viewer->srtp, out, &length))
            continue;
        lengths[i] = length;
        if (queue)
            queue_wait(queue, viewer->peer, slot + i, length);
        viewer->packets++;
        viewer->octets += (uint32_t)packet->size;
        if (viewer->next_number) {
            uint16_t place = number & RING_MASK;
            viewer->sent_times[place] = packet->now;
            viewer->sent_sizes[place] = (uint16_t)length;
            *viewer->sent_last = place;
        }
        sealed++;
    }
    return sealed;
}
