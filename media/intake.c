/* A batch of datagrams: the packets that need no thought go to their viewers here; all others are left to Python.
 *
 * Python arms a source (one SSRC of one publisher at one address) when its last packet was an ordinary one, and disarms
 * it with every change of what happens to its packets. An armed source's next packet is taken here when it is the next
 * in order and laid out like the last one; what is not, such as the first packet of a key frame, disarms the source, and
 * goes to Python with all that came behind it. media/intake.py says what Python then does, and media/forwarding.py does
 * the same as this for each packet where this is not built.
 */
#define _GNU_SOURCE
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

#include "fan_out.h"

#define HEADS 4096 /* 1 << 12 */
#define SOURCES 2048
#define SEAL 16 /* the least that SRTP puts behind a payload is 10, with AES-GCM 16 */
#define MOST_VIEWERS 64

/* What media/reception.py knows of one SSRC. */
struct reception {
    double jitter, newest_at, frame_at;
    int64_t base, cycles, received, least, older_least; /* -1: none yet */
    int64_t octets, frames, frame_timestamp, key_timestamp, key_octets;
    uint32_t transit, timestamp, clock_rate;
    uint16_t highest;
};

struct source {
    char name[32]; /* the publisher's socket address */
    void *srtp;
    struct reception *reception;
    struct viewer **viewers;
    uint32_t ssrc;
    int32_t next; /* in its chain; -1: the last */
    int32_t count;
    int32_t words, number_at, level_at; /* of header extensions: how long, and where the two are, 0: nowhere */
    uint8_t armed, payload_type, codec, renumbers;
    uint8_t number_head, level_head; /* what stands before them */
};

enum codec { AUDIO, VP8, OTHER_VIDEO };

/* One datagram of a batch. */
struct record {
    int32_t kind, source, number, level, start, end;
    uint32_t timestamp;
    uint16_t sequence;
    uint8_t marker, unused;
};

enum kind { LEFT, OPENED, TAKEN, REFUSED };

struct intake {
    struct source sources[SOURCES];
    int32_t heads[HEADS];
};

static uint32_t get16(const uint8_t *at) { return (uint32_t)at[0] << 8 | at[1]; }

static uint32_t get32(const uint8_t *at) { return get16(at) << 16 | get16(at + 2); }

static int32_t *chain(struct intake *intake, const char *name, uint32_t ssrc)
{
    uint16_t port;
    memcpy(&port, name + 2, 2);
    return &intake->heads[((ssrc ^ port) * 2654435761u) >> 20];
}

void intake_clear(struct intake *intake)
{
    memset(intake->heads, -1, sizeof intake->heads);
}

/* A source whose name and SSRC have been written can be found from now on. */
void intake_add(struct intake *intake, int place)
{
    struct source *source = &intake->sources[place];
    int32_t *head = chain(intake, source->name, source->ssrc);
    source->next = *head;
    *head = place;
}

/* It cannot be found any more. One that was not added is ignored. */
void intake_remove(struct intake *intake, int place)
{
    struct source *source = &intake->sources[place];
    source->armed = 0;
    for (int32_t *at = chain(intake, source->name, source->ssrc); *at >= 0; at = &intake->sources[*at].next) {
        if (*at == place) {
            *at = source->next;
            return;
        }
    }
}

/* VP8's payload descriptor (RFC 7741 section 4.2); gives where the payload itself begins, or -1 when it does not fit. */
static int describe(const uint8_t *payload, int end, struct packet *packet)
{
    int at = 1;
    packet->picture_at = packet->base_layer_at = -1;
    if (end < 1)
        return -1;
    if (payload[0] & 0x80) {
        if (at >= end)
            return -1;
        uint8_t fields = payload[at++];
        if (fields & 0x80) {
            if (at + 1 >= end)
                return -1;
            packet->picture_at = at;
            packet->picture_is_wide = payload[at] >> 7;
            packet->picture_id = packet->picture_is_wide ? (uint16_t)(get16(payload + at) & 0x7FFF) : payload[at];
            at += 1 + packet->picture_is_wide;
        }
        if (fields & 0x40) {
            if (at >= end)
                return -1;
            packet->base_layer_at = at;
            packet->base_layer_index = payload[at++];
        }
        if (fields & 0x30)
            at++;
    }
    return at > end ? -1 : at;
}

/* RFC 3550 appendix A, for a packet that is the next in order. */
static void count(struct reception *reception, uint32_t timestamp, double now)
{
    uint32_t transit = (uint32_t)(int64_t)(now * reception->clock_rate) - timestamp;
    uint32_t change = transit - reception->transit;
    if (change & 0x80000000u)
        change = 0u - change;
    reception->jitter += ((double)change - reception->jitter) / 16;
    if (reception->highest == 0xFFFF)
        reception->cycles += 0x10000;
    reception->highest++;
    reception->timestamp = timestamp;
    reception->newest_at = now;
    reception->transit = transit;
    if (reception->least < 0 || (transit - (uint32_t)reception->least) & 0x80000000u)
        reception->least = transit;
    reception->received++;
}

/* Whether a packet's header extensions are laid out like those of the last one. */
static int alike(const struct source *source, const uint8_t *data, int start, int length)
{
    int end = start + 4 + 4 * source->words;
    if ((int)get16(data + start + 2) != source->words || end > length)
        return 0;
    if (source->number_at && (source->number_at + 2 > end || data[source->number_at - 1] != source->number_head))
        return 0;
    return !source->level_at || (source->level_at < end && data[source->level_at - 1] == source->level_head);
}

#ifdef __linux__
/* Goes through a batch and writes a record of each datagram; gives how many slots it has used of the `room` that begin
 * at `slot` of the queue. */
int intake_take(struct intake *intake, void *batch, int datagrams, double now, uintptr_t protect, uintptr_t unprotect,
                struct queue *queue, int slot, int room, struct record *records)
{
    struct mmsghdr *messages = batch;
    int used = 0, lengths[MOST_VIEWERS];
    for (int i = 0; i < datagrams; i++) {
        struct msghdr *message = &messages[i].msg_hdr;
        struct record *record = &records[i];
        uint8_t *data = message->msg_iov->iov_base;
        int length = (int)messages[i].msg_len, start, has_words;
        int32_t place;
        struct source *source = 0;
        struct packet packet = {0};
        record->kind = LEFT;
        record->source = -1;
        /* RTP as told from all else by RFC 7983 section 7 and RFC 5761 section 4. */
        if (length < 12 + SEAL || length > SLOT - 64 || (data[0] & 0xC0) != 0x80 || (data[1] >= 192 && data[1] < 224))
            continue;
        for (place = *chain(intake, message->msg_name, get32(data + 8)); place >= 0; place = source->next) {
            source = &intake->sources[place];
            if (source->ssrc == get32(data + 8) && !memcmp(source->name, message->msg_name, queue->name_bytes))
                break;
        }
        if (place < 0 || !source->armed)
            continue;
        has_words = data[0] >> 4 & 1;
        start = 12 + 4 * (data[0] & 15);
        packet.sequence = (uint16_t)get16(data + 2);
        if ((data[1] & 0x7F) != source->payload_type || packet.sequence != (uint16_t)(source->reception->highest + 1) ||
            start + 4 > length || (has_words && !alike(source, data, start, length)) || used + source->count > room) {
            source->armed = 0;
            continue;
        }
        if (((srtp_t)unprotect)(source->srtp, data, &length)) {
            record->kind = REFUSED;
            continue;
        }
        record->kind = OPENED;
        record->source = place;
        record->end = length;
        packet.timestamp = get32(data + 4);
        packet.marker = data[1] & 0x80;
        record->number = record->level = -1;
        if (has_words) {
            if (source->number_at)
                record->number = (int32_t)get16(data + source->number_at);
            if (source->level_at)
                record->level = data[source->level_at] & 0x7F;
            start += 4 + 4 * source->words;
        }
        if (length >= 12 && data[0] & 0x20)
            length -= data[length - 1];
        if (length < 12 || start > length) {
            source->armed = 0;
            continue;
        }
        packet.payload = data + start;
        packet.size = length - start;
        packet.picture_at = packet.base_layer_at = -1;
        if (source->codec == VP8 && (source->renumbers || packet.timestamp != source->reception->frame_timestamp)) {
            int head = describe(packet.payload, packet.size, &packet);
            if (packet.timestamp != source->reception->frame_timestamp && packet.size > 1 &&
                (packet.payload[0] & 0x17) == 0x10 && head >= 0 && head < packet.size && !(packet.payload[head] & 1)) {
                source->armed = 0; /* a key frame begins */
                continue;
            }
            if (head < 0)
                packet.picture_at = packet.base_layer_at = -1;
        } else if (source->codec == OTHER_VIDEO && packet.timestamp != source->reception->frame_timestamp) {
            source->armed = 0; /* perhaps one does */
            continue;
        }
        count(source->reception, packet.timestamp, now);
        source->reception->octets += length - 12;
        source->reception->frame_timestamp = packet.timestamp;
        if (packet.timestamp == source->reception->key_timestamp)
            source->reception->key_octets += packet.size;
        if (packet.marker) {
            source->reception->frames++;
            source->reception->frame_at = now;
        }
        packet.now = now;
        if (source->count)
            fan_out(protect, &packet, source->viewers, source->count,
                    (uintptr_t)(queue->slots + (size_t)(slot + used) * (size_t)queue->stride), queue->stride, lengths,
                    queue, slot + used);
        used += source->count;
        record->kind = TAKEN;
        record->timestamp = packet.timestamp;
        record->sequence = packet.sequence;
        record->marker = packet.marker;
        record->start = start;
        record->end = length;
    }
    return used;
}
#else
int intake_take(struct intake *intake, void *batch, int datagrams, double now, uintptr_t protect, uintptr_t unprotect,
                struct queue *queue, int slot, int room, struct record *records) /* never called */
{
    (void)intake, (void)batch, (void)now, (void)protect, (void)unprotect, (void)queue, (void)slot, (void)room;
    for (int i = 0; i < datagrams; i++)
        records[i].kind = LEFT;
    return 0;
}
#endif
