/* What the halves of the load peer's packet engine share.
 *
 * One thread sends and receives for all peers: it sleeps until the next frame is due, reads what has come since, and
 * so wakes some thousand times a second however many packets there are. Arrival times are the kernel's, so reading
 * late costs no accuracy. Integers of a struct that Python fills have the width that its twin in engine.py has. */
#ifndef HOICHAN_BENCH_PLANE_H
#define HOICHAN_BENCH_PLANE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <srtp2/srtp.h>

#define DATAGRAM 1500
#define ROOM 2048            /* bytes of a buffer: a datagram and what libsrtp adds */
#define KEY_BYTES 28         /* AES-128-GCM: key and salt */
#define KEPT 512             /* video packets that a publisher can repeat: about four seconds */
#define ARRIVALS 1024        /* transport-wide numbers remembered: a second or more; a power of two */
#define STRANGE 1024         /* datagrams that wait for Python */
#define LATENCIES 400000     /* microseconds told apart */
#define BATCH 64

/* One m-section that a publisher sends. Numbers of header extensions are 0 when they were not negotiated. */
typedef struct {
  uint32_t ssrc, repair_ssrc;
  int32_t payload_type, repair_type; /* repair_type is -1 without RTX */
  int32_t mid, level, sent_at, transport;
  char mid_text[4];
} outgoing;

/* One m-section that a viewer receives. */
typedef struct {
  int32_t payload_type, repair_type, clock_rate, transport;
} incoming;

typedef struct {
  uint64_t sent, expected, received, octets, repaired, foreign;
  uint64_t send_errors, open_errors, late_frames;
  uint64_t asked, answered;                 /* NACKs of viewers, and packets that came in answer */
  uint64_t key_requests, nacks, nacks_answered, bitrate_limits, transport_feedback, receiver_reports; /* at publishers */
  uint64_t sender_reports, reports_sent, feedback_sent, consents;
  uint64_t silent;                          /* viewers without a packet in the window */
} totals;

typedef struct {
  uint16_t sequence, picture;
  uint8_t marker;
  uint32_t timestamp, packet;
  uint64_t stamp;
} kept_packet;

typedef struct {
  outgoing line;
  uint16_t sequence, repair_sequence;
  uint32_t timestamp, packets, octets;
} sending;

typedef struct {
  int fd;
  srtp_t seal, open;
  sending audio, video;
  uint16_t transport_sequence, picture;
  uint32_t frame;
  bool key_wanted;
  uint32_t reports, viewers;
  uint64_t report_due;
  kept_packet kept[KEPT];
} publisher;

typedef struct {
  incoming line;
  bool known;
  uint32_t ssrc, base, highest, received, expected_before, received_before, transit;
  double jitter;
  uint32_t last_report;
  uint64_t last_report_at;
} reception;

typedef struct {
  uint16_t sequence;
  uint64_t at;
} arrival;

typedef struct {
  int fd;
  srtp_t seal, open;
  uint32_t ssrc;
  bool limits;                              /* tells a bitrate by REMB, as Chromium does without transport feedback */
  reception audio, video;
  arrival arrivals[ARRIVALS];               /* by number */
  bool fresh, told;
  uint16_t lowest, highest;                 /* of what came since the last feedback */
  uint16_t tell_next;                       /* where the last feedback ended: what is lost between two is told too */
  uint8_t feedback_count;
  uint32_t reports;
  int32_t asked;                            /* the sequence number that a NACK asked for, -1 for none */
  uint64_t report_due, feedback_due, nack_due;
  uint64_t received;
} viewer;

typedef struct {
  int fd;
  uint32_t size;
  uint8_t data[ROOM];
} strange;

typedef struct plane {
  publisher *publishers;
  viewer *viewers;
  uint32_t publisher_count, viewer_count, capacity;
  uint64_t *audio_due, *video_due;          /* apart from the publishers: scanned on every turn */
  uint8_t *pool;                            /* all video packets, one after the other */
  uint32_t *packet_at, *packet_size, *frame_first, *frame_packets, frames;
  bool *frame_is_key;
  uint64_t due_check;
  _Atomic uint64_t window_begin, window_end;
  _Atomic bool running;
  totals count;
  uint32_t *latencies;
  strange *waiting;
  _Atomic uint32_t strange_written, strange_read;
  int poll;
} plane;

uint64_t now_ns(void);
bool in_window(plane *p, uint64_t stamp);

/* send.c */
void send_due(plane *p, uint64_t now);
uint64_t next_due(const plane *p);
void want_key_frame(plane *p, publisher *from);
bool repeat(plane *p, publisher *from, uint16_t sequence);
void send_sealed(plane *p, int fd, const uint8_t *data, int size);

/* receive.c */
void receive_all(plane *p);

/* control.c */
void take_control_of_publisher(plane *p, publisher *of, uint8_t *data, int size);
void take_control_of_viewer(plane *p, viewer *of, uint8_t *data, int size, uint64_t at);
void control_due(plane *p, uint64_t now);

#endif
