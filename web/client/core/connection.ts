// One Socket.IO connection of a page: calls with acknowledgements, events. Its own pings say that it lives.

import { io, type Socket } from "socket.io-client";
import type { Failure, ServerEvents } from "./protocol.ts";

/** An acknowledgement that said no; `code` is stable, the message is for people. */
export class CallError extends Error {
  readonly code: string;
  readonly field: string | undefined;

  constructor(failure: Failure) {
    super(failure.message);
    this.code = failure.code;
    this.field = failure.field;
  }
}

type Ack = { ok: true; error?: undefined } | { error: Failure };

const CALL_MS = 10_000;

export class Connection {
  readonly #socket: Socket;
  readonly #offline: string;
  #hasConnected = false;

  /** `offline` is the sentence for a call that got no answer. */
  constructor(offline: string, address?: string) {
    // Long polling for networks that let no WebSocket through; without `tryAllTransports` it is never tried.
    const transports = { transports: ["websocket", "polling"], tryAllTransports: true };
    const options = { ...transports, reconnectionDelay: 300, reconnectionDelayMax: 2_000, timeout: 5_000 };
    this.#socket = address === undefined ? io(options) : io(address, options);
    this.#offline = offline;
    this.#socket.on("connect", () => {
      this.#hasConnected = true;
    });
  }

  get connected(): boolean {
    return this.#socket.connected;
  }

  /** Send an event and wait for its acknowledgement. Throws CallError, with code `offline` when no answer comes. */
  async call<T = Record<string, never>>(event: string, payload: object): Promise<T> {
    // What is called while the line is cut would be sent later, out of its place: it is refused at once instead.
    if (this.#hasConnected && !this.#socket.connected) throw new CallError({ code: "offline", message: this.#offline });
    let ack: Ack;
    try {
      ack = (await this.#socket.timeout(CALL_MS).emitWithAck(event, payload)) as Ack;
    } catch {
      throw new CallError({ code: "offline", message: this.#offline });
    }
    if (ack.error !== undefined) throw new CallError(ack.error);
    return ack as T;
  }

  on<E extends keyof ServerEvents>(event: E, handler: (payload: ServerEvents[E]) => void): void {
    this.#socket.on(event as string, handler);
  }

  /** Runs at once when connected already, and after each reconnect. */
  onConnect(handler: () => void): void {
    this.#socket.on("connect", handler);
    if (this.#socket.connected) handler();
  }

  onDisconnect(handler: () => void): void {
    this.#socket.on("disconnect", handler);
  }

  /** The server refused the connection, with a code such as `session.needed`. */
  onRefused(handler: (code: string) => void): void {
    this.#socket.on("connect_error", (error) => {
      const refusal = error as Error & { data?: { code?: string } };
      if (!this.#socket.active) handler(refusal.data?.code ?? error.message);
    });
  }

  close(): void {
    this.#socket.disconnect();
  }
}
