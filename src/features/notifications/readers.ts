import type { Context } from '../../context.ts';
import { limits } from '../../kernel/limits.ts';
import { repeat } from '../../kernel/repeat.ts';
import { type Cursor, onNotifications, readOffsets, readStreams } from './streams.ts';
import { textFrame } from './text-frame.ts';

/** Somebody who follows a user's stream from a place of their own. */
export interface Reader {
  readonly userId: number;
  /** the offset of the last event handed over */
  offset: number;
  /** false while it cannot take more; call `readOn` when it can again */
  ready(): boolean;
  take(frames: Buffer[]): void;
}

/**
 * Hands every reader the events of its user's stream, in order and once. Events are always read
 * from the table: a hint only says when. So replay and live are the same thing, a reader that is
 * slow is simply not read for, and a lost hint is found by comparing offsets every second.
 */
export class Readers<One extends Reader> {
  readonly #context: Context;
  readonly #byUser = new Map<number, Set<One>>();
  readonly #behind = new Set<One>();
  readonly #polling: { stop(): void };
  #reading = false;

  constructor(context: Context) {
    this.#context = context;
    onNotifications(context.bus, (userIds) => {
      for (const userId of userIds) for (const one of this.of(userId)) this.#behind.add(one);
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
    this.#behind.delete(reader);
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
    this.#behind.add(reader);
    void this.#readAll();
  }

  close(): void {
    this.#polling.stop();
  }

  async #readAll(): Promise<void> {
    if (this.#reading) return;
    this.#reading = true;
    try {
      for (let batch = this.#takeBatch(); batch.length > 0; batch = this.#takeBatch()) {
        await this.#readBatch(batch);
      }
    } catch (error) {
      // The poll finds who is behind again.
      this.#context.log.debug({ err: error }, 'could not read streams');
    } finally {
      this.#reading = false;
    }
  }

  #takeBatch(): One[] {
    const batch: One[] = [];
    for (const reader of this.#behind) {
      if (batch.length === limits.streamCursorsAtOnce) break;
      this.#behind.delete(reader); // one that is not ready calls readOn when it is
      if (reader.ready()) batch.push(reader);
    }
    return batch;
  }

  async #readBatch(batch: One[]): Promise<void> {
    // Readers at the same place of the same stream share a cursor.
    const cursors = new Map<string, Cursor & { readers: One[] }>();
    for (const reader of batch) {
      const { userId, offset: after } = reader;
      const name = `${userId} ${after}`;
      const cursor = cursors.get(name) ?? { userId, after, readers: [] };
      cursor.readers.push(reader);
      cursors.set(name, cursor);
    }
    const places = [...cursors.values()];
    const parts = await readStreams(this.#context.db, places);
    for (const [index, { readers }] of places.entries()) {
      const { events = [], more = false } = parts[index] ?? {};
      const frames = events.map(({ json }) => textFrame(json)); // once for all of them
      for (const reader of readers) {
        if (!this.of(reader.userId).has(reader)) continue; // gone meanwhile
        reader.take(frames);
        reader.offset = events.at(-1)?.offset ?? reader.offset;
        if (more) this.#behind.add(reader);
      }
    }
  }

  async #findBehind(): Promise<void> {
    if (this.#byUser.size === 0) return;
    const offsets = await readOffsets(this.#context.db.beside, [...this.#byUser.keys()]);
    for (const [userId, readers] of this.#byUser) {
      const last = offsets.get(userId) ?? 0;
      for (const reader of readers) if (reader.offset < last) this.#behind.add(reader);
    }
    await this.#readAll();
  }
}
