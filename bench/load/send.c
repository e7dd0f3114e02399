/* Publishers: frames and audio packets at their real rate, header extensions, and repeating what a NACK asks for. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>
#include "plane.h"

#define AUDIO_NS 20000000ull
#define FRAME_NS 33333333ull
#define LATE_NS 200000000ull  /* a peer that is so far behind skips ahead */
#define AUDIO_BYTES 120       /* 48 kbit/s */
#define STAMP 8

typedef struct {
  uint8_t data[BATCH][ROOM];
  struct mmsghdr headers[BATCH];
  struct iovec parts[BATCH];
  int count, fd;
} batch;

static batch out;

static void flush(plane *p) {
  int sent = 0;
  while (sent < out.count) {
    int done = sendmmsg(out.fd, out.headers + sent, out.count - sent, 0);
    if (done > 0) {
      sent += done;
    } else { /* this one is lost: the window counts it as sent, so it shows in what is delivered */
      p->count.send_errors++;
      sent++;
    }
  }
  out.count = 0;
}

static uint8_t *room_for_one(plane *p, int fd) {
  if (out.count == BATCH || (out.count && out.fd != fd)) flush(p);
  out.fd = fd;
  return out.data[out.count];
}

static void put(plane *p, publisher *from, int size) {
  if (srtp_protect(from->seal, out.data[out.count], &size)) {
    p->count.send_errors++;
    return;
  }
  out.parts[out.count] = (struct iovec){out.data[out.count], size};
  out.headers[out.count].msg_hdr = (struct msghdr){.msg_iov = &out.parts[out.count], .msg_iovlen = 1};
  out.count++;
}

void send_sealed(plane *p, int fd, const uint8_t *data, int size) {
  if (send(fd, data, size, 0) < 0) p->count.send_errors++;
}

/* The RTP header with its one-byte extensions (RFC 8285 §4.2). Returns its length. */
static int header(publisher *from, const outgoing *line, uint8_t *data, bool marker, bool repair, uint16_t sequence,
                  uint32_t timestamp, uint64_t now) {
  int at = 16;
  if (line->mid) {
    int length = strlen(line->mid_text);
    data[at++] = line->mid << 4 | (length - 1);
    memcpy(data + at, line->mid_text, length);
    at += length;
  }
  if (line->level) {
    data[at++] = line->level << 4;
    data[at++] = 0x80 | 40; /* speech at -40 dBov */
  }
  if (line->sent_at) {
    uint32_t fixed = (uint32_t)((__uint128_t)(now % 64000000000ull) * 262144 / 1000000000ull) & 0xFFFFFF;
    data[at++] = line->sent_at << 4 | 2;
    data[at++] = fixed >> 16;
    data[at++] = fixed >> 8;
    data[at++] = fixed;
  }
  if (line->transport) {
    data[at++] = line->transport << 4 | 1;
    data[at++] = from->transport_sequence >> 8;
    data[at++] = from->transport_sequence;
    from->transport_sequence++;
  }
  bool extended = at > 16;
  while (at % 4) data[at++] = 0;
  data[0] = extended ? 0x90 : 0x80;
  data[1] = (marker ? 0x80 : 0) | (repair ? line->repair_type : line->payload_type);
  *(uint16_t *)(data + 2) = htons(sequence);
  *(uint32_t *)(data + 4) = htonl(timestamp);
  *(uint32_t *)(data + 8) = htonl(repair ? line->repair_ssrc : line->ssrc);
  if (!extended) return 12;
  data[12] = 0xBE;
  data[13] = 0xDE;
  *(uint16_t *)(data + 14) = htons((at - 16) / 4);
  return at;
}

static void count(plane *p, const publisher *from, sending *s, int size, uint64_t stamp) {
  s->packets++;
  s->octets += size;
  if (!in_window(p, stamp)) return;
  p->count.sent++;
  p->count.expected += from->viewers;
}

static void send_audio(plane *p, publisher *from, uint64_t now) {
  sending *s = &from->audio;
  uint8_t *data = room_for_one(p, from->fd);
  int at = header(from, &s->line, data, false, false, s->sequence++, s->timestamp, now);
  memset(data + at, 0x55, AUDIO_BYTES);
  data[at] = 0xFC; /* Opus: 20 ms, full band, stereo (RFC 6716 §3.1) */
  memcpy(data + at + AUDIO_BYTES - STAMP, &now, STAMP);
  count(p, from, s, AUDIO_BYTES, now);
  s->timestamp += 960;
  put(p, from, at + AUDIO_BYTES);
}

/* Copies a video payload, gives it its frame's picture id, which never jumps, and the stamp. */
static int payload(plane *p, uint8_t *data, uint32_t packet, uint16_t picture, uint64_t stamp) {
  int size = p->packet_size[packet];
  memcpy(data, p->pool + p->packet_at[packet], size);
  data[2] = 0x80 | picture >> 8;
  data[3] = picture;
  memcpy(data + size - STAMP, &stamp, STAMP);
  return size;
}

static void send_frame(plane *p, publisher *from) {
  sending *s = &from->video;
  uint32_t frame = from->frame;
  if (from->key_wanted) {
    /* One key frame between the others: all are asked for one when the load begins, and would go in step from then on. */
    while (!p->frame_is_key[frame]) frame = (frame + 1) % p->frames;
    from->key_wanted = false;
  }
  uint32_t first = p->frame_first[frame], packets = p->frame_packets[frame];
  for (uint32_t k = 0; k < packets; k++) {
    uint8_t *data = room_for_one(p, from->fd);
    uint64_t stamp = now_ns();
    bool marker = k == packets - 1;
    from->kept[s->sequence % KEPT] =
        (kept_packet){s->sequence, from->picture, marker, s->timestamp, first + k, stamp};
    int at = header(from, &s->line, data, marker, false, s->sequence++, s->timestamp, stamp);
    int size = payload(p, data + at, first + k, from->picture, stamp);
    count(p, from, s, size, stamp);
    put(p, from, at + size);
  }
  s->timestamp += 3000;
  from->picture = (from->picture + 1) & 0x7FFF;
  from->frame = (from->frame + 1) % p->frames;
}

bool repeat(plane *p, publisher *from, uint16_t sequence) {
  sending *s = &from->video;
  const kept_packet *kept = &from->kept[sequence % KEPT];
  if (s->line.repair_type < 0 || kept->sequence != sequence || !kept->stamp) return false;
  uint8_t *data = room_for_one(p, from->fd);
  int at = header(from, &s->line, data, kept->marker, true, s->repair_sequence++, kept->timestamp, now_ns());
  *(uint16_t *)(data + at) = htons(sequence); /* the original sequence number (RFC 4588 §4) */
  int size = payload(p, data + at + 2, kept->packet, kept->picture, kept->stamp);
  put(p, from, at + 2 + size);
  flush(p);
  return true;
}

void want_key_frame(plane *p, publisher *from) {
  p->count.key_requests++;
  from->key_wanted = true;
}

static uint64_t after(plane *p, uint64_t due, uint64_t step, uint64_t now) {
  if (due + LATE_NS >= now) return due + step;
  p->count.late_frames++;
  /* In its own time again: peers that went on from now would send their frames all at once from then on. */
  return due + ((now - due) / step + 1) * step;
}

void send_due(plane *p, uint64_t now) {
  for (uint32_t i = 0; i < p->publisher_count; i++) {
    if (p->audio_due[i] <= now) {
      send_audio(p, &p->publishers[i], now_ns());
      p->audio_due[i] = after(p, p->audio_due[i], AUDIO_NS, now);
    }
    if (p->video_due[i] <= now) {
      send_frame(p, &p->publishers[i]);
      p->video_due[i] = after(p, p->video_due[i], FRAME_NS, now);
    }
    if (out.count) flush(p);
  }
}

uint64_t next_due(const plane *p) {
  uint64_t next = UINT64_MAX;
  for (uint32_t i = 0; i < p->publisher_count; i++) {
    if (p->audio_due[i] < next) next = p->audio_due[i];
    if (p->video_due[i] < next) next = p->video_due[i];
  }
  return next;
}
