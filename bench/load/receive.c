/* Viewers: every packet is opened, so that what counts as delivered is whole, new and of the measured window. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include "plane.h"

#define PUBLISHERS 0x40000000u

static uint8_t buffers[BATCH][ROOM];
static uint8_t controls[BATCH][64];

static uint64_t arrived_at(struct msghdr *message) {
  for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c))
    if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_TIMESTAMPNS) {
      struct timespec t;
      memcpy(&t, CMSG_DATA(c), sizeof t);
      return t.tv_sec * 1000000000ull + t.tv_nsec;
    }
  return now_ns();
}

/* The transport-wide sequence number, -1 when the packet has none. Extensions are not encrypted. */
static int transport_sequence(const uint8_t *data, int size, int number) {
  int at = 12 + 4 * (data[0] & 15);
  if (!number || !(data[0] & 0x10) || at + 4 > size || data[at] != 0xBE || data[at + 1] != 0xDE) return -1;
  int end = at + 4 + 4 * (data[at + 2] << 8 | data[at + 3]);
  if (end > size) return -1;
  for (at += 4; at < end;) {
    if (!data[at]) {
      at++;
      continue;
    }
    int length = (data[at] & 15) + 1;
    if (data[at] >> 4 == number && length == 2 && at + 2 < end) return data[at + 1] << 8 | data[at + 2];
    at += 1 + length;
  }
  return -1;
}

/* RFC 3550 appendix A: what a receiver report tells. */
static void note(reception *r, const uint8_t *data, uint64_t at) {
  uint32_t sequence = data[2] << 8 | data[3], ssrc = ntohl(*(const uint32_t *)(data + 8));
  uint32_t transit = (uint32_t)((__uint128_t)at * r->line.clock_rate / 1000000000ull) - ntohl(*(const uint32_t *)(data + 4));
  if (!r->known || r->ssrc != ssrc) {
    incoming line = r->line;
    *r = (reception){.line = line, .known = true, .ssrc = ssrc, .base = sequence, .highest = sequence};
  } else {
    int32_t change = (int32_t)(transit - r->transit);
    r->jitter += ((change < 0 ? -change : change) - r->jitter) / 16;
    int16_t ahead = (int16_t)(sequence - (r->highest & 0xFFFF));
    if (ahead > 0) r->highest += ahead;
  }
  r->transit = transit;
  r->received++;
}

static void arrived(viewer *v, uint16_t number, uint64_t at) {
  v->arrivals[number % ARRIVALS] = (arrival){number, at};
  if (!v->fresh || (int16_t)(number - v->lowest) < 0) v->lowest = number;
  if (!v->fresh || (int16_t)(number - v->highest) > 0) v->highest = number;
  v->fresh = true;
}

static void take_media(plane *p, viewer *v, uint8_t *data, int size, uint64_t at) {
  int type = data[1] & 0x7F;
  bool repair = type == v->video.line.repair_type;
  reception *r = type == v->audio.line.payload_type ? &v->audio : &v->video;
  if (!repair && type != r->line.payload_type) {
    p->count.foreign++;
    return;
  }
  int transport = transport_sequence(data, size, r->line.transport);
  if (transport >= 0) arrived(v, transport, at);
  uint16_t sequence = data[2] << 8 | data[3];
  srtp_err_status_t status = srtp_unprotect(v->open, data, &size);
  if (status) {
    /* Without RTX an answer to a NACK is the very packet again, which SRTP knows as a replay. */
    if (r == &v->video && v->asked == sequence && status == srtp_err_status_replay_fail) {
      p->count.answered++;
      v->asked = -1;
    } else {
      p->count.open_errors++;
    }
    return;
  }
  int start = 12 + 4 * (data[0] & 15);
  if (data[0] & 0x10) start += 4 + 4 * (data[start + 2] << 8 | data[start + 3]);
  if (repair) {
    p->count.repaired++;
    if (size >= start + 2 && v->asked == (data[start] << 8 | data[start + 1])) {
      p->count.answered++;
      v->asked = -1;
    }
    return;
  }
  note(r, data, at);
  uint64_t stamp = 0;
  if (size >= start + 8) memcpy(&stamp, data + size - 8, 8);
  if (!in_window(p, stamp)) return;
  v->received++;
  p->count.received++;
  p->count.octets += size;
  uint64_t microseconds = at > stamp ? (at - stamp) / 1000 : 0;
  p->latencies[microseconds < LATENCIES ? microseconds : LATENCIES - 1]++;
}

/* STUN requests and DTLS are Python's; answers to consent checks only have to be counted. */
static void take_strange(plane *p, int fd, const uint8_t *data, int size) {
  if (data[0] == 1 && data[1] == 1) {
    p->count.consents++;
    return;
  }
  uint32_t written = atomic_load(&p->strange_written);
  if (written - atomic_load(&p->strange_read) >= STRANGE) return;
  strange *s = &p->waiting[written % STRANGE];
  s->fd = fd;
  s->size = size;
  memcpy(s->data, data, size);
  atomic_store(&p->strange_written, written + 1);
}

static void receive_one(plane *p, uint32_t which) {
  publisher *from = which & PUBLISHERS ? &p->publishers[which & ~PUBLISHERS] : NULL;
  viewer *v = from ? NULL : &p->viewers[which];
  int fd = from ? from->fd : v->fd, count;
  struct mmsghdr headers[BATCH];
  struct iovec parts[BATCH];
  do {
    for (int k = 0; k < BATCH; k++) {
      parts[k] = (struct iovec){buffers[k], DATAGRAM};
      headers[k].msg_hdr = (struct msghdr){
          .msg_iov = &parts[k], .msg_iovlen = 1, .msg_control = controls[k], .msg_controllen = sizeof controls[k]};
    }
    count = recvmmsg(fd, headers, BATCH, MSG_DONTWAIT, NULL);
    for (int k = 0; k < count; k++) {
      uint8_t *data = buffers[k];
      int size = headers[k].msg_len;
      if (size < 12) continue;
      if (data[0] < 128 || data[0] > 191) {
        take_strange(p, fd, data, size);
        continue;
      }
      bool control = data[1] >= 192 && data[1] < 224;
      if (control && from)
        take_control_of_publisher(p, from, data, size);
      else if (control)
        take_control_of_viewer(p, v, data, size, arrived_at(&headers[k].msg_hdr));
      else if (v)
        take_media(p, v, data, size, arrived_at(&headers[k].msg_hdr));
    }
  } while (count == BATCH);
}

void receive_all(plane *p) {
  struct epoll_event events[256];
  int count;
  do {
    count = epoll_wait(p->poll, events, 256, 0);
    for (int k = 0; k < count; k++) receive_one(p, events[k].data.u32);
  } while (count == 256);
}
