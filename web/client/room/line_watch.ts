// Watches the line each second: says in words how it is, tells the other side, and notes the first sound.

import type { Connection } from "../core/connection.ts";
import { LineJudge } from "../core/line.ts";
import type { LineState } from "../core/protocol.ts";
import type { Subscriber } from "../media/subscriber.ts";

const EVERY_MS = 1_000;

export class LineWatch {
  readonly #judge = new LineJudge();
  state: LineState = "good";

  constructor(
    connection: Connection,
    consultId: string,
    subscriber: Subscriber,
    expectsVideo: () => boolean,
    onHeard: (mids: ReadonlySet<string>) => void,
    onState: (state: LineState) => void,
  ) {
    setInterval(async () => {
      const found = await subscriber.sample();
      if (found === null) return;
      onHeard(found.heard);
      const state = this.#judge.judge({ ...found.sample, expectsVideo: expectsVideo() });
      if (state === this.state) return;
      this.state = state;
      onState(state);
      connection.call("report_line", { consult_id: consultId, state }).catch(() => undefined);
    }, EVERY_MS);
  }
}
