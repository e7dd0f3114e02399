// Watches the line each second: what was decoded and heard, whether a connection needs help, whether the machine slept.

import type { Connection } from "../core/connection.ts";
import { LineJudge, type Sample } from "../core/line.ts";
import type { OwnLine } from "../core/own_line.ts";
import type { LineState } from "../core/protocol.ts";
import type { Recovery } from "../core/recovery.ts";
import type { Publisher } from "../media/publisher.ts";
import type { Subscriber } from "../media/subscriber.ts";
import type { Stage } from "./stage.ts";

const EVERY_MS = 1_000;
/** A timer that is this late has not run because the machine slept. */
const SLEPT_MS = 6_000;

/** Media connections as far as they can be helped. */
interface Helped {
  readonly recovery: Recovery;
  restartIce(): Promise<void>;
  rebuild(): Promise<void>;
  again(): void;
}

export class LineWatch {
  readonly #judge = new LineJudge();
  readonly #connection: Connection;
  readonly #consultId: string;
  readonly #publisher: Publisher;
  readonly #subscriber: Subscriber;
  readonly #stage: Stage;
  readonly #line: OwnLine;
  #before: Sample | null = null;
  #lookedAt = performance.now();
  state: LineState = "good";
  /** Whether somebody is there whose media should arrive. */
  expectsMedia: () => boolean = () => false;
  onHeard: (mids: ReadonlySet<string>) => void = () => undefined;
  onLook: () => void = () => undefined;

  constructor(connection: Connection, consultId: string, publisher: Publisher, subscriber: Subscriber, stage: Stage, line: OwnLine) {
    this.#connection = connection;
    this.#consultId = consultId;
    this.#publisher = publisher;
    this.#subscriber = subscriber;
    this.#stage = stage;
    this.#line = line;
  }

  /** Begin to look, and to listen to what the browser says of the network. */
  start(): void {
    setInterval(() => void this.#look(), EVERY_MS);
    const suspect = () => this.#each((one) => one.recovery.suspect(performance.now()));
    window.addEventListener("online", suspect);
    (navigator as Navigator & { connection?: EventTarget }).connection?.addEventListener("change", suspect);
  }

  async #look(): Promise<void> {
    const at = performance.now();
    if (at - this.#lookedAt > SLEPT_MS) this.#each((one) => one.recovery.broken(at));
    this.#lookedAt = at;
    const found = await this.#subscriber.arrived();
    if (found === null || !this.expectsMedia()) this.#nothingExpected(at);
    if (found !== null) {
      this.#stage.arrived(found);
      this.onHeard(found.heard);
      this.#judgeSample({ ...found.sample, expectsVideo: this.#stage.expects });
    }
    this.#each((one) => this.#help(one, at));
    this.onLook();
  }

  /** Nobody is there who could be heard: that nothing arrives says nothing of the line. */
  #nothingExpected(at: number): void {
    this.#subscriber.recovery.flows(at);
    this.#line.decoded(at);
    this.#tell("good");
  }

  #judgeSample(sample: Sample): void {
    const before = this.#before;
    this.#before = sample;
    if (before !== null && (sample.frames > before.frames || sample.audio > before.audio)) {
      this.#subscriber.recovery.flows(sample.at);
      this.#line.decoded(sample.at);
    }
    if (!this.expectsMedia()) return;
    const state = this.#judge.judge(sample);
    if (state === "lost") this.#subscriber.recovery.suspect(sample.at);
    this.#tell(state);
  }

  #tell(state: LineState): void {
    if (state === this.state) return;
    this.state = state;
    this.#connection.call("report_line", { consult_id: this.#consultId, state }).catch(() => undefined);
  }

  #help(one: Helped, at: number): void {
    if (!this.#connection.connected) return;
    const help = one.recovery.next(at);
    if (help === "restart") one.restartIce().catch(() => undefined);
    else if (help === "rebuild") one.rebuild().catch(() => one.again());
  }

  #each(work: (one: Helped) => void): void {
    work(this.#publisher);
    work(this.#subscriber);
  }
}
