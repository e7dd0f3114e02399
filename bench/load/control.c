/* RTCP of the peers, in the packets and as often as Chromium sends it: video reports each second, audio reports each
 * five, transport feedback each 50 ms. */
#include <arpa/inet.h>
#include <string.h>
#include "plane.h"

#define REPORT_NS 1000000000ull
#define AUDIO_EVERY 5
#define FEEDBACK_NS 50000000ull
#define NACK_NS 5000000000ull  /* a few: loopback loses nothing, so each asks for a packet that has come */
#define CHECK_NS 1000000ull
#define ROUND_TRIP_NS 20000000ull
#define MOST_TOLD 500
#define NTP_EPOCH 2208988800ull
#define LIMIT 2500000u

static uint8_t *word(uint8_t *at, uint32_t value) {
  value = htonl(value);
  memcpy(at, &value, 4);
  return at + 4;
}

static uint32_t read_word(const uint8_t *at) {
  uint32_t value;
  memcpy(&value, at, 4);
  return ntohl(value);
}

static uint64_t ntp(uint64_t ns) {
  return (ns / 1000000000ull + NTP_EPOCH) << 32 | (ns % 1000000000ull << 32) / 1000000000ull;
}

/* The first word of a packet of `bytes` bytes, header included. */
static void head(uint8_t *at, int count, int kind, int bytes) { word(at, (0x80u | count) << 24 | kind << 16 | (bytes / 4 - 1)); }

static uint8_t *name(uint8_t *at, uint32_t ssrc) {
  head(at, 1, 202, 24);
  word(at + 4, ssrc);
  memcpy(at + 8, "\x01\x0c" "bench-cname1", 14);
  memset(at + 22, 0, 2);
  return at + 24;
}

static void seal_and_send(plane *p, srtp_t seal, int fd, uint8_t *data, uint8_t *end) {
  int size = end - data;
  if (srtp_protect_rtcp(seal, data, &size)) p->count.send_errors++;
  else send_sealed(p, fd, data, size);
}

static uint8_t *sender_report(uint8_t *at, const sending *s, uint64_t now) {
  head(at, 0, 200, 28);
  word(at + 4, s->line.ssrc);
  word(at + 8, ntp(now) >> 32);
  word(at + 12, ntp(now));
  word(at + 16, s->timestamp);
  word(at + 20, s->packets);
  word(at + 24, s->octets);
  return name(at + 28, s->line.ssrc);
}

static void report_of_publisher(plane *p, publisher *from, uint64_t now) {
  uint8_t data[512];
  seal_and_send(p, from->seal, from->fd, data, sender_report(data, &from->video, now));
  if (from->reports++ % AUDIO_EVERY == 0)
    seal_and_send(p, from->seal, from->fd, data, sender_report(data, &from->audio, now));
  p->count.reports_sent++;
}

/* Half a wide country away: a round trip of nothing would leave Janus without any history, as it measures its queue by
 * the round trip. So viewers say that they held a sender report for less time than they did. */
static uint32_t held(const reception *r, uint64_t now) {
  uint64_t time = r->last_report ? now - r->last_report_at : 0;
  time = time > ROUND_TRIP_NS ? time - ROUND_TRIP_NS : 0;
  return (uint32_t)((__uint128_t)time * 65536 / 1000000000ull);
}

static uint8_t *block(uint8_t *at, reception *r, uint64_t now) {
  uint32_t expected = r->highest - r->base + 1;
  uint32_t due = expected - r->expected_before, came = r->received - r->received_before;
  uint32_t fraction = due > came ? ((due - came) << 8) / due : 0;
  int32_t lost = (int32_t)(expected - r->received);
  r->expected_before = expected;
  r->received_before = r->received;
  at = word(at, r->ssrc);
  at = word(at, (fraction > 255 ? 255 : fraction) << 24 | (lost & 0xFFFFFF));
  at = word(at, r->highest);
  at = word(at, (uint32_t)r->jitter);
  at = word(at, r->last_report);
  return word(at, held(r, now));
}

static void report_on(plane *p, viewer *v, reception *r, uint64_t now) {
  uint8_t data[512];
  if (!r->known) return;
  uint8_t *at = block(data + 8, r, now);
  head(data, 1, 201, at - data);
  word(data + 4, v->ssrc);
  at = name(at, v->ssrc);
  if (v->limits && r == &v->video) {
    head(at, 15, 206, 24);
    word(at + 4, v->ssrc);
    word(at + 8, 0);
    memcpy(at + 12, "REMB", 4);
    word(at + 16, 1u << 24 | 4u << 18 | LIMIT >> 4);
    at = word(at + 20, r->ssrc);
  }
  seal_and_send(p, v->seal, v->fd, data, at);
  p->count.reports_sent++;
}

static void report_of_viewer(plane *p, viewer *v, uint64_t now) {
  report_on(p, v, &v->video, now);
  if (v->reports++ % AUDIO_EVERY == 0) report_on(p, v, &v->audio, now);
}

/* draft-holmer-rmcat-transport-wide-cc-extensions-01 §3.1, with status vectors of two-bit symbols. Numbers that came
 * late are told with all their neighbours again, as Chromium does. */
static void transport_feedback(plane *p, viewer *v) {
  uint8_t data[DATAGRAM - 64] = {0}, deltas[2 * ARRIVALS], *delta = deltas, *chunks = data + 20;
  if (!v->fresh) return;
  v->fresh = false;
  uint16_t begin = v->lowest, end = v->highest;
  if (v->told && (uint16_t)(begin - v->tell_next) < MOST_TOLD) begin = v->tell_next;
  if (v->told && (int16_t)(end - v->tell_next) < 0) end = v->tell_next - 1;
  v->told = true;
  v->tell_next = end + 1;
  uint32_t count = (uint16_t)(end - begin) + 1;
  if (count > MOST_TOLD) return;
  uint64_t reference = 0, before = 0;
  for (uint32_t place = 0; place < count; place++) {
    uint16_t number = begin + place;
    const arrival *came = &v->arrivals[number % ARRIVALS];
    uint16_t symbol = 0;
    if (came->at && came->sequence == number) {
      if (!before) {
        reference = came->at / 64000000ull;
        before = reference * 64000000ull;
      }
      int64_t ticks = ((int64_t)came->at - (int64_t)before) / 250000;
      before += ticks * 250000;
      symbol = ticks >= 0 && ticks < 256 ? 1 : 2;
      if (symbol == 2) *delta++ = ticks >> 8;
      *delta++ = ticks;
    }
    uint16_t bits = 0xC000 | symbol << (12 - 2 * (place % 7));
    chunks[place / 7 * 2] |= bits >> 8;
    chunks[place / 7 * 2 + 1] |= bits;
  }
  uint8_t *at = chunks + (count + 6) / 7 * 2;
  if (at + (delta - deltas) + 4 > data + sizeof data) return;
  memcpy(at, deltas, delta - deltas);
  at += delta - deltas;
  while ((at - data) % 4) *at++ = 0;
  head(data, 15, 205, at - data);
  word(data + 4, v->ssrc);
  word(data + 8, v->video.known ? v->video.ssrc : v->audio.ssrc);
  word(data + 12, (uint32_t)begin << 16 | count);
  word(data + 16, (uint32_t)reference << 8 | v->feedback_count++);
  seal_and_send(p, v->seal, v->fd, data, at);
  p->count.feedback_sent++;
}

static void ask_again(plane *p, viewer *v) {
  uint8_t data[64 + SRTP_MAX_TRAILER_LEN];
  if (!v->video.known || v->video.received < 100) return;
  v->asked = (v->video.highest - 3) & 0xFFFF;
  head(data, 1, 205, 16);
  word(data + 4, v->ssrc);
  word(data + 8, v->video.ssrc);
  uint8_t *end = word(data + 12, (uint32_t)v->asked << 16);
  seal_and_send(p, v->seal, v->fd, data, end);
  p->count.asked++;
}

/* Each peer keeps its own time. Reckoned from now on, peers seen to in one look would stay together, and looks that come
 * late would bring ever more of them together: in the end many viewers would report at the same moment. */
static uint64_t again(uint64_t due, uint64_t step, uint64_t now) { return due + ((now - due) / step + 1) * step; }

void control_due(plane *p, uint64_t now) {
  if (now < p->due_check) return;
  p->due_check = now + CHECK_NS;
  for (uint32_t i = 0; i < p->publisher_count; i++) {
    publisher *from = &p->publishers[i];
    if (now < from->report_due) continue;
    from->report_due = again(from->report_due, REPORT_NS, now);
    report_of_publisher(p, from, now);
  }
  for (uint32_t i = 0; i < p->viewer_count; i++) {
    viewer *v = &p->viewers[i];
    if (now >= v->feedback_due) {
      v->feedback_due = again(v->feedback_due, FEEDBACK_NS, now);
      transport_feedback(p, v);
    }
    if (now >= v->report_due) {
      v->report_due = again(v->report_due, REPORT_NS, now);
      report_of_viewer(p, v, now);
    }
    if (now >= v->nack_due) {
      v->nack_due = again(v->nack_due, NACK_NS, now);
      ask_again(p, v);
    }
  }
}

/* NACK (RFC 4585 §6.2.1) of the server: a packet was lost on the way up. */
static void repeat_missing(plane *p, publisher *of, const uint8_t *data, int end) {
  for (int at = 12; at + 4 <= end; at += 4) {
    uint16_t first = data[at] << 8 | data[at + 1], mask = data[at + 2] << 8 | data[at + 3];
    for (int bit = -1; bit < 16; bit++)
      if (bit < 0 || mask >> bit & 1) {
        p->count.nacks++;
        p->count.nacks_answered += repeat(p, of, first + bit + 1);
      }
  }
}

void take_control_of_publisher(plane *p, publisher *of, uint8_t *data, int size) {
  if (srtp_unprotect_rtcp(of->open, data, &size)) {
    p->count.open_errors++;
    return;
  }
  while (size >= 8) {
    int kind = data[1], count = data[0] & 31, length = 4 * ((data[2] << 8 | data[3]) + 1);
    if (length > size) return;
    if (kind == 201) p->count.receiver_reports++;
    if (kind == 206 && (count == 1 || count == 4)) want_key_frame(p, of);
    if (kind == 206 && count == 15) p->count.bitrate_limits++;
    if (kind == 205 && count == 15) p->count.transport_feedback++;
    if (kind == 205 && count == 1) repeat_missing(p, of, data, length);
    data += length;
    size -= length;
  }
}

void take_control_of_viewer(plane *p, viewer *of, uint8_t *data, int size, uint64_t at) {
  if (srtp_unprotect_rtcp(of->open, data, &size)) {
    p->count.open_errors++;
    return;
  }
  while (size >= 8) {
    int kind = data[1], length = 4 * ((data[2] << 8 | data[3]) + 1);
    if (length > size) return;
    if (kind == 200 && length >= 28) {
      uint32_t ssrc = read_word(data + 4);
      reception *r = of->audio.known && of->audio.ssrc == ssrc ? &of->audio : &of->video;
      r->last_report = read_word(data + 8) << 16 | read_word(data + 12) >> 16;
      r->last_report_at = at;
      p->count.sender_reports++;
    }
    data += length;
    size -= length;
  }
}
