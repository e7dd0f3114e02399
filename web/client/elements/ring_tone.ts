// The sound of a ring: two soft tones, repeated, made by the browser itself.

export class RingTone {
  #timer: ReturnType<typeof setInterval> | undefined;
  #context: AudioContext | undefined;

  start(): void {
    if (this.#timer !== undefined) return;
    this.#context ??= new AudioContext();
    const strike = () => {
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
    this.#timer = setInterval(strike, 2_000);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}
