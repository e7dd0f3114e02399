// The stage: one picture large, the others and oneself small. Tiles stay; their places change by class alone.

import { grid, main, places, type Place, sourceName } from "../core/layout.ts";
import { Movement, Sound } from "../core/movement.ts";
import { picture } from "../core/picture.ts";
import type { Quality } from "../core/protocol.ts";
import { others, type RoomState } from "../core/room_state.ts";
import { VideoTile } from "../elements/video_tile.ts";
import type { Arrived, Incoming } from "../media/subscriber.ts";
import { element, say } from "../words.ts";

const SELF = "self";

interface Shown {
  place: Place;
  tile: VideoTile;
  movement: Movement;
  sound: Sound;
}

export class Stage {
  readonly #root: HTMLElement;
  readonly #shown = new Map<string, Shown>();
  readonly #own = new Map<string, VideoTile>();
  readonly #onFirstFrame: (participantId: string, kind: "video" | "screen") => void;
  readonly self = new VideoTile();
  /** Called when tiles came, went or changed their places. */
  onPlaced: () => void = () => undefined;
  #incoming: Incoming[] = [];
  #places: Place[] = [];
  #qualities = new Map<string, Quality>();
  #pinned: string | null = null;
  #audioOnly = false;

  constructor(root: HTMLElement, onFirstFrame: (participantId: string, kind: "video" | "screen") => void) {
    this.#root = root;
    this.#onFirstFrame = onFirstFrame;
    this.self.classList.add("self");
    this.self.id = "self";
    this.self.onPin = () => this.#pin(SELF);
    this.self.name(say("me"), "");
    this.self.cover("camera_off");
    root.append(this.self);
  }

  incoming(incoming: Incoming[], state: RoomState): void {
    this.#incoming = incoming;
    const tracks = new Set(incoming.map((one) => one.info.track_id));
    for (const track of this.#qualities.keys()) if (!tracks.has(track)) this.#qualities.delete(track);
    this.show(state);
  }

  /** Tiles for everybody who may be seen and for each further picture, one of them large. */
  show(state: RoomState): void {
    const found = places(others(state), this.#incoming.map((one) => one.info).filter((info) => info.participant_id !== state.self));
    this.#places = found;
    const keys = new Set(found.map((place) => place.key));
    for (const [key, shown] of this.#shown) {
      if (keys.has(key)) continue;
      shown.tile.remove();
      this.#shown.delete(key);
    }
    for (const place of found) this.#put(place);
    this.#arrange();
    const empty = this.#root.querySelector(".stage-empty");
    if (found.length > 0) empty?.remove();
    else if (!empty) this.#root.prepend(element("p", { class: "stage-empty", role: "status" }, say("alone")));
    this.judge(performance.now());
  }

  /** One's own further pictures, as they are sent. */
  own(sources: ReadonlyMap<string, MediaStreamTrack>): void {
    for (const [source, tile] of this.#own) {
      if (sources.has(source)) continue;
      tile.remove();
      this.#own.delete(source);
    }
    for (const [source, track] of sources) {
      if (this.#own.has(source)) continue;
      const tile = new VideoTile();
      tile.classList.add("self");
      tile.dataset["source"] = source;
      tile.onPin = () => this.#pin(`${SELF}/${source}`);
      tile.name(say("tile_source", { name: say("me"), source: sourceName(source, say("tile_screen")) }), "");
      tile.cover(null);
      this.#own.set(source, tile);
      this.#root.append(tile);
      tile.own(new MediaStream([track]), false);
    }
    this.#arrange();
  }

  quality(quality: Quality): void {
    this.#qualities.set(quality.track_id, quality);
    this.judge(performance.now());
  }

  /** The connection was built anew: what was told of the earlier one is over. */
  renew(): void {
    this.#qualities.clear();
  }

  speaking(participantIds: readonly string[], self: string | null): void {
    const speakers = new Set(participantIds);
    for (const { place, tile } of this.#shown.values()) tile.speaking(place.source === "camera" && speakers.has(place.participantId));
    this.self.speaking(self !== null && speakers.has(self));
  }

  audioOnly(only: boolean): void {
    this.#audioOnly = only;
    for (const { movement } of this.#shown.values()) movement.expect(performance.now());
    this.judge(performance.now());
  }

  /** What arrived by now, for the words on the tiles. */
  arrived(arrived: Arrived): void {
    for (const { place, tile, movement, sound } of this.#shown.values()) {
      for (const { track_id: id } of place.tracks) {
        const frames = arrived.pictures.get(id);
        const heard = arrived.sounds.get(id);
        if (frames !== undefined) movement.see(arrived.sample.at, frames);
        if (heard !== undefined) sound.hear(heard);
      }
      if (movement.begun && place.tracks.some((track) => track.kind === "video")) tile.begun();
    }
    this.judge(arrived.sample.at);
  }

  /** Whether some picture should move now, by its rung and by what people have switched on. */
  get expects(): boolean {
    return [...this.#shown.values()].some(({ place, tile }) => {
      const quality = this.#quality(place);
      const still = quality?.rung === "stills" || quality?.rung === "audio";
      const hidden = tile.dataset["cover"] !== "" && tile.dataset["cover"] !== "connecting";
      return place.tracks.some((track) => track.kind === "video") && !hidden && !still && tile.shownHeight > 0;
    });
  }

  /** The words of every tile. */
  judge(at: number): void {
    for (const { place, tile, movement, sound } of this.#shown.values()) {
      const quality = this.#quality(place);
      const { cover, chip } = picture({
        person: place.person,
        source: place.source,
        arrives: place.tracks.some((track) => track.kind === "video"),
        begun: movement.begun || tile.dataset["decoded"] === "true",
        stoodMs: movement.stood(at),
        rung: quality?.rung ?? "hd",
        cause: quality?.cause ?? "none",
        soundBroken: sound.broken,
        audioOnly: this.#audioOnly,
      });
      if (cover !== null) movement.expect(at);
      tile.cover(cover);
      tile.chip(chip);
    }
  }

  /** How high each picture is shown, in device pixels, by track. */
  heights(): Map<string, number> {
    const found = new Map<string, number>();
    for (const { place, tile } of this.#shown.values()) {
      const height = this.#audioOnly ? 0 : tile.shownHeight;
      for (const track of place.tracks) if (track.kind === "video") found.set(track.track_id, height);
    }
    return found;
  }

  /** Whose sound the transceivers of these mids carry. */
  heard(mids: ReadonlySet<string>): string[] {
    return this.#incoming
      .filter((one) => one.info.kind === "audio" && one.info.mid !== null && mids.has(one.info.mid))
      .map((one) => one.info.participant_id);
  }

  #quality(place: Place): Quality | undefined {
    const track = place.tracks.find((one) => one.kind === "video");
    return track && this.#qualities.get(track.track_id);
  }

  #put(place: Place): void {
    let shown = this.#shown.get(place.key);
    if (!shown) {
      const tile = new VideoTile();
      tile.dataset["participantId"] = place.participantId;
      tile.dataset["source"] = place.source;
      tile.onFirstFrame = () => this.#onFirstFrame(place.participantId, place.source === "screen" ? "screen" : "video");
      tile.onPin = () => this.#pin(place.key);
      shown = { place, tile, movement: new Movement(), sound: new Sound() };
      this.#shown.set(place.key, shown);
      this.#root.prepend(tile);
    }
    shown.place = place;
    const { tile } = shown;
    const person = place.person?.staff_name ?? "";
    const source = sourceName(place.source, say("tile_screen"));
    if (place.source === "camera") tile.name(person, place.person?.facility_name ?? "");
    else tile.name(person ? say("tile_source", { name: person, source }) : source, "");
    tile.muted(place.source === "camera" && place.person?.audio === false);
    const wanted = new Set(place.tracks.map((track) => track.track_id));
    tile.tracks(this.#incoming.filter((one) => wanted.has(one.info.track_id)).map((one) => one.track));
  }

  #pin(key: string): void {
    this.#pinned = this.#pinned === key ? null : key;
    this.#arrange();
  }

  /** Who is large, and where the small ones stand: oneself last, in the corner. */
  #arrange(): void {
    const tiles = new Map<string, VideoTile>();
    for (const { key } of this.#places) tiles.set(key, this.#shown.get(key)?.tile ?? this.self);
    for (const [source, tile] of this.#own) tiles.set(`${SELF}/${source}`, tile);
    tiles.set(SELF, this.self);
    const pinned = this.#pinned !== null && tiles.has(this.#pinned) ? this.#pinned : null;
    const large = pinned ?? main(this.#places, null);
    const small = [...tiles].filter(([key]) => key !== large);
    for (const [key, tile] of tiles) {
      const place = small.findIndex(([other]) => other === key);
      tile.classList.toggle("remote", place < 0);
      tile.classList.toggle("third", place >= 0);
      tile.pinned(key === pinned);
      tile.style.setProperty("--order", String(place));
      tile.style.setProperty("--place", String(small.length - 1 - place));
    }
    const { columns, rows } = grid(small.length);
    this.#root.dataset["crowd"] = small.length > 3 ? "many" : "few";
    this.#root.style.setProperty("--columns", String(columns));
    this.#root.style.setProperty("--rows", String(rows));
    this.onPlaced();
  }
}
