/* What Python calls, and the one thread's loop. */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include "plane.h"

#define PUBLISHERS 0x40000000u
#define NAP_NS 250000ull  /* the longest sleep: bounds how much waits in the sockets */

static pthread_t thread;

uint64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_REALTIME, &t);
  return t.tv_sec * 1000000000ull + t.tv_nsec;
}

bool in_window(plane *p, uint64_t stamp) {
  return stamp >= atomic_load_explicit(&p->window_begin, memory_order_relaxed) &&
         stamp < atomic_load_explicit(&p->window_end, memory_order_relaxed);
}

static srtp_t session(const uint8_t *key, srtp_ssrc_type_t direction) {
  srtp_policy_t policy;
  srtp_t made = NULL;
  memset(&policy, 0, sizeof policy);
  srtp_crypto_policy_set_aes_gcm_128_16_auth(&policy.rtp);
  srtp_crypto_policy_set_aes_gcm_128_16_auth(&policy.rtcp);
  policy.ssrc.type = direction;
  policy.key = (uint8_t *)key;
  policy.window_size = 1024;
  policy.allow_repeat_tx = 1;
  return srtp_create(&made, &policy) ? NULL : made;
}

plane *plane_new(uint32_t capacity) {
  static bool prepared;
  if (!prepared && srtp_init()) return NULL;
  prepared = true;
  plane *p = calloc(1, sizeof *p);
  p->capacity = capacity;
  p->publishers = calloc(capacity, sizeof *p->publishers);
  p->viewers = calloc(capacity, sizeof *p->viewers);
  p->audio_due = calloc(capacity, sizeof *p->audio_due);
  p->video_due = calloc(capacity, sizeof *p->video_due);
  p->latencies = calloc(LATENCIES, sizeof *p->latencies);
  p->waiting = calloc(STRANGE, sizeof *p->waiting);
  p->poll = epoll_create1(EPOLL_CLOEXEC);
  p->window_begin = p->window_end = UINT64_MAX;
  return p;
}

/* All frames in order: sizes of the packets, then of each frame how many packets it has and whether it is a key frame. */
void plane_payload(plane *p, const uint8_t *data, const uint32_t *sizes, uint32_t packets, const uint32_t *frame_packets,
                   const uint8_t *keys, uint32_t frames) {
  uint32_t bytes = 0, first = 0;
  p->packet_at = calloc(packets, 4);
  p->packet_size = calloc(packets, 4);
  p->frame_first = calloc(frames, 4);
  p->frame_packets = calloc(frames, 4);
  p->frame_is_key = calloc(frames, sizeof(bool));
  for (uint32_t k = 0; k < packets; k++) {
    p->packet_at[k] = bytes;
    p->packet_size[k] = sizes[k];
    bytes += sizes[k];
  }
  for (uint32_t k = 0; k < frames; k++) {
    p->frame_first[k] = first;
    p->frame_packets[k] = frame_packets[k];
    p->frame_is_key[k] = keys[k];
    first += frame_packets[k];
  }
  p->frames = frames;
  p->pool = malloc(bytes);
  memcpy(p->pool, data, bytes);
}

static void watch(plane *p, int fd, uint32_t which) {
  int on = 1;
  struct epoll_event event = {.events = EPOLLIN, .data.u32 = which};
  setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on);
  epoll_ctl(p->poll, EPOLL_CTL_ADD, fd, &event);
}

/* Returns whether there was room and libsrtp took the keys. */
bool plane_publish(plane *p, int fd, const uint8_t *send_key, const uint8_t *receive_key, const outgoing *audio,
                   const outgoing *video, uint32_t viewers) {
  if (p->publisher_count == p->capacity) return false;
  publisher *made = &p->publishers[p->publisher_count];
  made->fd = fd;
  made->viewers = viewers;
  made->seal = session(send_key, ssrc_any_outbound);
  made->open = session(receive_key, ssrc_any_inbound);
  made->audio = (sending){.line = *audio, .sequence = 100, .timestamp = 1000};
  made->video = (sending){.line = *video, .sequence = 200, .repair_sequence = 300, .timestamp = 5000};
  made->frame = p->publisher_count * 29 % p->frames; /* key frames of the publishers do not fall together */
  if (!made->seal || !made->open) return false;
  watch(p, fd, p->publisher_count++ | PUBLISHERS);
  return true;
}

bool plane_view(plane *p, int fd, const uint8_t *send_key, const uint8_t *receive_key, const incoming *audio,
                const incoming *video, uint32_t ssrc, bool limits) {
  if (p->viewer_count == p->capacity) return false;
  viewer *made = &p->viewers[p->viewer_count];
  made->fd = fd;
  made->seal = session(send_key, ssrc_any_outbound);
  made->open = session(receive_key, ssrc_any_inbound);
  made->audio.line = *audio;
  made->video.line = *video;
  made->ssrc = ssrc;
  made->limits = limits;
  made->asked = -1;
  if (!made->seal || !made->open) return false;
  watch(p, fd, p->viewer_count++);
  return true;
}

static void spread(plane *p) {
  uint64_t now = now_ns();
  for (uint64_t i = 0; i < p->publisher_count; i++) {
    p->audio_due[i] = now + i * 20000000ull / p->publisher_count;
    p->video_due[i] = now + i * 33333333ull / p->publisher_count;
    p->publishers[i].report_due = now + i * 1000000000ull / p->publisher_count;
  }
  for (uint64_t i = 0; i < p->viewer_count; i++) {
    p->viewers[i].report_due = now + i * 1000000000ull / p->viewer_count;
    p->viewers[i].feedback_due = now + i * 50000000ull / p->viewer_count;
    p->viewers[i].nack_due = now + 2000000000ull + i * 5000000000ull / p->viewer_count;
  }
}

static void *run(void *argument) {
  plane *p = argument;
  while (atomic_load(&p->running)) {
    uint64_t now = now_ns(), wake = now + NAP_NS, due = next_due(p);
    if (due < wake) wake = due;
    if (wake > now + 10000) {
      struct timespec until = {wake / 1000000000ull, wake % 1000000000ull};
      clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &until, NULL);
    }
    send_due(p, now_ns());
    receive_all(p);
    control_due(p, now_ns());
  }
  return NULL;
}

bool plane_start(plane *p) {
  spread(p);
  atomic_store(&p->running, true);
  return pthread_create(&thread, NULL, run, p) == 0;
}

/* What is sent from `begin` and before `end`, in nanoseconds of the wall clock, is what is counted. */
void plane_window(plane *p, uint64_t begin, uint64_t end) {
  atomic_store(&p->window_end, end);
  atomic_store(&p->window_begin, begin);
}

void plane_stop(plane *p) {
  if (atomic_exchange(&p->running, false)) pthread_join(thread, NULL);
}

/* To be called when the thread has stopped: everything until now. */
void plane_totals(plane *p, totals *into) {
  *into = p->count;
  into->silent = 0;
  for (uint32_t i = 0; i < p->viewer_count; i++) into->silent += p->viewers[i].received == 0;
}

/* Microseconds that this share of the packets did not exceed. */
uint32_t plane_latency(plane *p, double share) {
  uint64_t goal = (uint64_t)(share * p->count.received), seen = 0;
  for (uint32_t k = 0; k < LATENCIES; k++)
    if ((seen += p->latencies[k]) > goal) return k;
  return LATENCIES;
}

/* The next datagram for Python: its size, 0 when there is none. */
uint32_t plane_strange(plane *p, int *fd, uint8_t *data) {
  uint32_t read = atomic_load(&p->strange_read);
  if (read == atomic_load(&p->strange_written)) return 0;
  strange *s = &p->waiting[read % STRANGE];
  *fd = s->fd;
  memcpy(data, s->data, s->size);
  uint32_t size = s->size;
  atomic_store(&p->strange_read, read + 1);
  return size;
}

void plane_free(plane *p) {
  for (uint32_t i = 0; i < p->publisher_count; i++) {
    srtp_dealloc(p->publishers[i].seal);
    srtp_dealloc(p->publishers[i].open);
  }
  for (uint32_t i = 0; i < p->viewer_count; i++) {
    srtp_dealloc(p->viewers[i].seal);
    srtp_dealloc(p->viewers[i].open);
  }
  close(p->poll);
  free(p->publishers);
  free(p->viewers);
  free(p->audio_due);
  free(p->video_due);
  free(p->latencies);
  free(p->waiting);
  free(p->pool);
  free(p->packet_at);
  free(p->packet_size);
  free(p->frame_first);
  free(p->frame_packets);
  free(p->frame_is_key);
  free(p);
}
