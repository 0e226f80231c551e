import type { Context } from '../../context.ts';
import { limits } from '../../kernel/limits.ts';
import { type Repeated, repeat } from '../../kernel/repeat.ts';
import { type Cursor, onNotifications, readOffsets, readStreams } from './streams.ts';
import { textFrame } from './text-frame.ts';

/** Somebody who follows a user's stream from a place of their own. */
export interface Reader {
  readonly userId: number;
  /** the offset of the last event handed over */
  offset: number;
  /** false while it cannot take more; call `readOn` when it can again */
  ready(): boolean;
  /** Does nothing once the reader has gone: it may go while its events are read. */
  take(frames: Buffer[]): void;
}

/** Readers at the same place of the same stream. */
interface Place<One extends Reader> extends Cursor {
  readers: One[];
}

/**
 * Hands every reader the events of its user's stream, in order and once. Events are always read
 * from the table: a hint only says when. So replay and live are the same thing, a reader that is
 * slow is simply not read for, and a lost hint is found by comparing offsets every second.
 */
export class Readers<One extends Reader> {
  readonly #context: Context;
  readonly #byUser = new Map<number, Set<One>>();
  readonly #behind = new Set<number>(); // users of whom a reader may have something to read
  readonly #polling: Repeated;
  #reading = false;

  constructor(context: Context) {
    this.#context = context;
    onNotifications(context.bus, (userIds) => {
      for (const userId of userIds) if (this.#byUser.has(userId)) this.#behind.add(userId);
      void this.#readAll();
    });
    this.#polling = repeat(
      () => this.#findBehind(),
      limits.streamPollMs,
      (error) => context.log.debug({ err: error }, 'could not look for missed notifications'),
    );
  }

  add(reader: One): void {
    const readers = this.#byUser.get(reader.userId) ?? new Set();
    this.#byUser.set(reader.userId, readers.add(reader));
    this.readOn(reader);
  }

  remove(reader: One): void {
    const readers = this.#byUser.get(reader.userId);
    readers?.delete(reader);
    if (readers?.size === 0) this.#byUser.delete(reader.userId);
  }

  /** The readers of a user's stream, the eldest first. */
  of(userId: number): ReadonlySet<One> {
    return this.#byUser.get(userId) ?? new Set();
  }

  /** The reader may have something to read. */
  readOn(reader: One): void {
    this.#behind.add(reader.userId);
    void this.#readAll();
  }

  close(): void {
    this.#polling.stop();
  }

  async #readAll(): Promise<void> {
    if (this.#reading) return;
    this.#reading = true;
    try {
      for (let places = this.#takePlaces(); places.length > 0; places = this.#takePlaces()) {
        await this.#readOnFrom(places);
      }
    } catch (error) {
      // The poll finds who is behind again.
      this.#context.log.debug({ err: error }, 'could not read streams');
    } finally {
      this.#reading = false;
    }
  }

  /** Where readers of those who are behind stand. One that is not ready says when it is. */
  #takePlaces(): Place<One>[] {
    const places: Place<One>[] = [];
    let count = 0;
    for (const userId of this.#behind) {
      if (count >= limits.streamReadersAtOnce) break;
      this.#behind.delete(userId);
      const ofUser = new Map<number, Place<One>>();
      for (const reader of this.of(userId)) {
        if (!reader.ready()) continue;
        count += 1;
        const place = ofUser.get(reader.offset);
        if (place) place.readers.push(reader);
        else ofUser.set(reader.offset, { userId, after: reader.offset, readers: [reader] });
      }
      places.push(...ofUser.values());
    }
    return places;
  }

  async #readOnFrom(places: Place<One>[]): Promise<void> {
    const parts = await readStreams(this.#context.db, places);
    for (const [index, { userId, readers }] of places.entries()) {
      const { events = [], more = false } = parts[index] ?? {};
      const last = events.at(-1);
      if (last) {
        const frames = events.map(({ json }) => textFrame(json)); // once for all of them
        for (const reader of readers) {
          reader.take(frames);
          reader.offset = last.offset;
        }
      }
      if (more) this.#behind.add(userId);
    }
  }

  async #findBehind(): Promise<void> {
    if (this.#byUser.size === 0) return;
    const offsets = await readOffsets(this.#context.db.beside, [...this.#byUser.keys()]);
    for (const [userId, readers] of this.#byUser) {
      const last = offsets.get(userId) ?? 0;
      for (const reader of readers) if (reader.offset < last) this.#behind.add(userId);
    }
    await this.#readAll();
  }
}
