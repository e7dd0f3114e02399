// The loudness of a microphone, 0 to 100, ten times a second.

export function meter(stream: MediaStream, show: (level: number) => void): () => void {
  const context = new AudioContext();
  const analyser = context.createAnalyser();
  analyser.fftSize = 1024;
  context.createMediaStreamSource(stream).connect(analyser);
  const samples = new Float32Array(analyser.fftSize);
  const timer = setInterval(() => {
    analyser.getFloatTimeDomainData(samples);
    let sum = 0;
    for (const sample of samples) sum += sample * sample;
    const decibel = 10 * Math.log10(sum / samples.length + 1e-10);
    show(Math.round(Math.min(100, Math.max(0, (decibel + 60) * (100 / 50)))));
  }, 100);
  return () => {
    clearInterval(timer);
    void context.close();
  };
}
