// How high the pictures are shown, as the server is told: changes alone, in coarse steps, nothing for what is hidden.

const STEP = 20;
const MOST = 4320;
const AT_ONCE = 64;

export class Heights {
  #told = new Map<string, number>();

  /** A new subscription knows nothing of earlier wishes. */
  renew(): void {
    this.#told.clear();
  }

  /** What has to be told so that `shown` (device pixels by track) holds, or null. It then counts as told. */
  changes(shown: ReadonlyMap<string, number>): Record<string, number> | null {
    for (const track of this.#told.keys()) if (!shown.has(track)) this.#told.delete(track);
    const changed = [...shown]
      .map(([track, height]) => [track, Math.min(MOST, Math.ceil(height / STEP) * STEP)] as const)
      .filter(([track, height]) => this.#told.get(track) !== height)
      .slice(0, AT_ONCE);
    for (const [track, height] of changed) this.#told.set(track, height);
    return changed.length === 0 ? null : Object.fromEntries(changed);
  }

  /** It could not be told after all. */
  forget(tracks: Iterable<string>): void {
    for (const track of tracks) this.#told.delete(track);
  }
}
