// The sound of a ring: two soft tones, repeated, made by the browser itself; where there is a motor, it vibrates as well.

const STRIKE_MS = 2_000;
/** Milliseconds on, off, on: shorter than the time between strikes. */
const VIBRATION = [400, 200, 400];

export class RingTone {
  #timer: ReturnType<typeof setInterval> | undefined;
  #context: AudioContext | undefined;

  start(): void {
    if (this.#timer !== undefined) return;
    this.#context ??= new AudioContext();
    const strike = () => {
      if (this.#timer === undefined) return;
      // A browser that nobody has touched since the page came refuses, and complains.
      if (navigator.userActivation?.hasBeenActive !== false) navigator.vibrate?.(VIBRATION);
      const context = this.#context;
      if (context === undefined || context.state !== "running") return;
      for (const [offset, frequency] of [[0, 660], [0.22, 880]] as const) {
        const tone = context.createOscillator();
        const loudness = context.createGain();
        const at = context.currentTime + offset;
        tone.frequency.value = frequency;
        loudness.gain.setValueAtTime(0, at);
        loudness.gain.linearRampToValueAtTime(0.25, at + 0.02);
        loudness.gain.exponentialRampToValueAtTime(0.001, at + 0.4);
        tone.connect(loudness).connect(context.destination);
        tone.start(at);
        tone.stop(at + 0.45);
      }
    };
    void this.#context.resume().then(strike);
    this.#timer = setInterval(strike, STRIKE_MS);
  }

  stop(): void {
    if (this.#timer === undefined) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
    navigator.vibrate?.(0);
  }
}
