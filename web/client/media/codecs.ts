// Which codecs this browser offers first. What it sends is what the server's answer takes of them.

const SOUND = ["audio/red", "audio/opus"];
const PICTURE = ["video/vp8", "video/h264", "video/rtx"];

/** Redundant Opus before plain Opus; VP8 before H.264, and nothing that the server would not forward. */
export function preferCodecs(transceiver: RTCRtpTransceiver, kind: "audio" | "video"): void {
  const known = RTCRtpReceiver.getCapabilities?.(kind)?.codecs ?? [];
  const wanted = kind === "audio" ? SOUND : PICTURE;
  const place = (codec: { mimeType: string }) => wanted.indexOf(codec.mimeType.toLowerCase());
  const codecs = known
    .filter((codec) => place(codec) >= 0 || kind === "audio")
    .sort((one, other) => (place(one) < 0 ? wanted.length : place(one)) - (place(other) < 0 ? wanted.length : place(other)));
  try {
    if (codecs.some((codec) => place(codec) >= 0)) transceiver.setCodecPreferences(codecs);
  } catch {
    // A browser that does not let itself be told offers what it has.
  }
}

/** The m-section of that mid in a description. */
export function section(sdp: string, mid: string): string {
  return sdp.split(/\r?\nm=/).find((part) => part.split(/\r?\n/).includes(`a=mid:${mid}`)) ?? "";
}

/** What tells one session from another (RFC 8866, section 5.2). */
export function session(sdp: string): string {
  return /^o=\S+ (\d+) /m.exec(sdp)?.[1] ?? "";
}
