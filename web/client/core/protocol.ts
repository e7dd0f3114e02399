// The events of docs/protocol.md as types. Names and fields are the wire's own.

export type Urgency = "emergency" | "urgent" | "routine";
export type Role = "requester" | "specialist" | "invited" | "observer";
export type LineState = "good" | "weak" | "lost";
/** The ladder of a picture, best first. */
export type Rung = "hd" | "reduced" | "low" | "stills" | "audio";
export type Cause = "none" | "uplink" | "downlink" | "wish";

export interface Failure {
  code: string;
  message: string;
  field?: string;
}

export interface LogEntry {
  number: number;
  at: string;
  kind: string;
  actor_name: string | null;
  text: string;
  data: Record<string, string | number | boolean | null>;
}

export interface ChatLine {
  number: number;
  at: string;
  sender_id: string;
  sender_name: string;
  text: string;
  client_id: string;
}

/** An item of the specialist's advice; `state` is the clinic's answer. */
export interface AdviceItem {
  advice_id: string;
  number: number;
  person: number;
  version: number;
  kind: "action" | "drug" | "test" | "referral" | "watch";
  text: string;
  dose: string;
  state: "open" | "will_do" | "cannot" | "done" | "withdrawn";
  reason: string;
  author_name: string;
  changed_by_name: string;
  changed_at: string;
}

export type StrokeKind = "arrow" | "circle" | "freehand" | "text";

/** One stroke over a picture; points count from 0 to 10,000 along each side. */
export interface Stroke {
  attachment_id: string;
  number: number;
  author_id: string;
  author_name: string;
  client_id: string;
  kind: StrokeKind;
  points: number[][];
  text: string;
  at: string;
  undone: boolean;
}

export interface Participant {
  participant_id: string;
  staff_id: string;
  staff_name: string;
  facility_name: string;
  role: Role;
  present: boolean;
  connected: boolean;
  audio: boolean;
  video: boolean;
  audio_only: boolean;
}

export interface TrackInfo {
  mid: string | null;
  track_id: string;
  participant_id: string;
  kind: string;
  source: string;
}

export interface Ring {
  consult_id: string;
  code: string;
  urgency: Urgency;
  specialty: string;
  facility: string;
  address: string;
  requester_name: string;
  age: number | null;
  sex: string | null;
  question: string;
  rung_at: string;
  step_due_at: string | null;
  server_time: string;
  also_ringing: string[];
  emergency_telephone: string;
  handover_from: string | null;
  inquiries: { inquiry_id: string; asker_name: string; question: string; answer: string | null }[];
  as_coordinator: boolean;
}

export interface RingStopped {
  consult_id: string;
  reason: "claimed" | "declined" | "cancelled" | "answered" | "withdrawn" | "ended" | "written";
  by_name: string | null;
  at: string;
}

export interface Joined {
  participant_id: string;
  role: Role;
  state: string;
  started_at: string | null;
  participants: Participant[];
  entries: LogEntry[];
  chat: ChatLine[];
  advice: AdviceItem[];
  ice_servers?: IceServer[];
}

export interface IceServer {
  urls: string[];
  username?: string;
  credential?: string;
}

export interface SubscribeOffer {
  consult_id?: string;
  sdp: string;
  revision: number;
  tracks: TrackInfo[];
}

export interface Invited {
  consult_id: string;
  code: string;
  by_name: string;
  role: Role;
  room_url: string;
  rings: boolean;
}

export interface Quality {
  consult_id: string;
  track_id: string;
  rung: Rung;
  cause: Cause;
}

export interface Layers {
  consult_id: string;
  track_id: string;
  mid: string;
  rids: string[];
}

export interface BoardRow {
  consult_id: string;
  number: number;
  code: string;
  state: "ringing" | "claimed" | "written";
  urgency: Urgency;
  specialty_id: string;
  specialty: string;
  facility: string;
  requester_name: string;
  age: number | null;
  sex: string | null;
  question: string;
  owner_name: string;
  coordinator_name: string | null;
  specialist_name: string | null;
  created_at: string;
  claimed_at: string | null;
  starts_at: string | null;
  ends_at: string | null;
  due_at: string | null;
  step: string | null;
  step_due_at: string | null;
  ringing: string[];
  rung: number;
  refused: { name: string; answer: string; reason: string | null }[];
  notes: number;
  note: { author_name: string; text: string; at: string } | null;
}

export interface LaneSlot {
  slot_id: string;
  starts_at: string;
  ends_at: string;
  specialty_id: string;
  specialty: string;
  booked: boolean;
  consult_id: string | null;
  appointment_id: string | null;
  version: number | null;
  state: string | null;
  urgency: Urgency | null;
  clinic: string | null;
  terminal_id: string | null;
  terminal: string | null;
  displaced: boolean;
}

export interface Lane {
  specialist_id: string;
  name: string;
  facility: string;
  slots: LaneSlot[];
}

export interface BoardNews {
  at: string;
  rows: BoardRow[];
  gone: string[];
  lanes: Lane[];
}

export interface BoardShown extends BoardNews {
  whole: boolean;
  day_starts_at: string;
  more: boolean;
}

/** What the server sends, by event name. */
export interface ServerEvents {
  ring: Ring;
  ring_stopped: RingStopped;
  log: { consult_id: string; entries: LogEntry[] };
  chat: ChatLine & { consult_id: string };
  strokes: { consult_id: string; strokes: Stroke[] };
  advice: { consult_id: string; items: AdviceItem[] };
  room: { consult_id: string; participants: Participant[] };
  subscribe_offer: SubscribeOffer & { consult_id: string };
  quality: Quality;
  uplink: { consult_id: string; rung: Rung };
  layers: Layers;
  speakers: { consult_id: string; participant_ids: string[] };
  media_lost: { consult_id: string };
  taken_over: { consult_id: string };
  session_ended: { reason: string };
  consult: { consult_id: string; state: string };
  invited: Invited;
  agenda: Record<string, never>;
  oversight: Record<string, never>;
  overdue: { consult_id: string };
  board: BoardNews;
}

/** A random key that a client repeats when it tries again. */
export function clientKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return Array.from(bytes, (byte) => byte.toString(36).padStart(2, "0")).join("");
}
