// The stage: the other side large, further people and oneself small. Tiles stay; their places change by class alone.

import type { Participant } from "../core/protocol.ts";
import { others, type RoomState } from "../core/room_state.ts";
import { VideoTile } from "../elements/video_tile.ts";
import type { Incoming } from "../media/subscriber.ts";
import { element, say } from "../words.ts";

export class Stage {
  readonly #root: HTMLElement;
  readonly #tiles = new Map<string, VideoTile>();
  readonly #onFirstFrame: (participantId: string) => void;
  readonly self = new VideoTile();
  #incoming: Incoming[] = [];

  constructor(root: HTMLElement, onFirstFrame: (participantId: string) => void) {
    this.#root = root;
    this.#onFirstFrame = onFirstFrame;
    this.self.classList.add("self");
    this.self.id = "self";
    this.self.name(say("me"), "");
    this.self.cover("camera_off");
    root.append(this.self);
  }

  incoming(incoming: Incoming[], state: RoomState): void {
    this.#incoming = incoming;
    this.show(state);
  }

  /** Tiles for everybody who may be seen, the first one large. */
  show(state: RoomState): void {
    const people = others(state);
    const present = new Set(people.map((person) => person.participant_id));
    for (const [id, tile] of this.#tiles) {
      if (present.has(id)) continue;
      tile.remove();
      this.#tiles.delete(id);
    }
    people.forEach((person, place) => this.#place(person, place));
    const empty = this.#root.querySelector(".stage-empty");
    if (people.length > 0) empty?.remove();
    else if (!empty) this.#root.prepend(element("p", { class: "stage-empty", role: "status" }, say("alone")));
  }

  #place(person: Participant, place: number): void {
    let tile = this.#tiles.get(person.participant_id);
    if (!tile) {
      tile = new VideoTile();
      tile.dataset["participantId"] = person.participant_id;
      tile.onFirstFrame = () => this.#onFirstFrame(person.participant_id);
      this.#tiles.set(person.participant_id, tile);
      this.#root.prepend(tile);
    }
    tile.classList.toggle("remote", place === 0);
    tile.classList.toggle("third", place > 0);
    tile.dataset["place"] = String(place);
    tile.name(person.staff_name, person.facility_name);
    tile.muted(!person.audio);
    const mine = this.#incoming.filter((one) => one.info.participant_id === person.participant_id);
    tile.tracks(mine.map((one) => one.track));
    const picture = mine.some((one) => one.info.kind === "video");
    if (!person.connected) tile.cover("reconnecting");
    else if (!person.video) tile.cover("camera_off");
    else tile.cover(picture ? null : "connecting");
  }

  /** Whose sound the transceivers of these mids carry. */
  heard(mids: ReadonlySet<string>): string[] {
    return this.#incoming
      .filter((one) => one.info.kind === "audio" && one.info.mid !== null && mids.has(one.info.mid))
      .map((one) => one.info.participant_id);
  }
}
