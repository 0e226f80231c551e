import type { Context } from '../../context.ts';
import { limits } from '../../kernel/limits.ts';
import { repeat } from '../../kernel/repeat.ts';
import { type Cursor, onNotifications, readOffsets, readStreams } from './streams.ts';

/** Somebody who follows a user's stream from a place of their own. */
export interface Reader {
  readonly userId: number;
  /** the offset of the last event handed over */
  offset: number;
  /** false while it cannot take more; call `readOn` when it can again */
  ready(): boolean;
  take(json: string): void;
}

/**
 * Hands every reader the events of its user's stream, in order and once. Events are always read
 * from the table: a hint only says when. So replay and live are the same thing, a reader that is
 * slow is simply not read for, and a lost hint is found by comparing offsets every second.
 */
export interface Readers {
  add(reader: Reader): void;
  remove(reader: Reader): void;
  /** The readers of a user's stream, the eldest first. */
  of(userId: number): ReadonlySet<Reader>;
  /** The reader may have something to read. */
  readOn(reader: Reader): void;
  close(): void;
}

export function openReaders({ db, bus, log }: Context): Readers {
  const byUser = new Map<number, Set<Reader>>();
  const behind = new Set<Reader>();
  let reading = false;

  onNotifications(bus, (userIds) => {
    for (const userId of userIds) for (const reader of byUser.get(userId) ?? []) behind.add(reader);
    void readAll();
  });

  async function readAll(): Promise<void> {
    if (reading) return;
    reading = true;
    try {
      for (let batch = takeBatch(); batch.length > 0; batch = takeBatch()) await readBatch(batch);
    } catch (error) {
      log.debug({ err: error }, 'could not read streams'); // the poll below tries again
    } finally {
      reading = false;
    }
  }

  function takeBatch(): Reader[] {
    const batch: Reader[] = [];
    for (const reader of behind) {
      if (batch.length === limits.streamCursorsAtOnce) break;
      behind.delete(reader); // one that is not ready calls readOn when it is
      if (reader.ready()) batch.push(reader);
    }
    return batch;
  }

  async function readBatch(batch: Reader[]): Promise<void> {
    // Readers at the same place of the same stream share a cursor.
    const cursors = new Map<string, Cursor & { readers: Reader[] }>();
    for (const reader of batch) {
      const { userId, offset: after } = reader;
      const name = `${userId} ${after}`;
      const cursor = cursors.get(name) ?? { userId, after, readers: [] };
      cursor.readers.push(reader);
      cursors.set(name, cursor);
    }
    const places = [...cursors.values()];
    const streams = await readStreams(db, places);
    for (const [index, { readers }] of places.entries()) {
      const events = streams[index] ?? [];
      for (const reader of readers) {
        if (!byUser.get(reader.userId)?.has(reader)) continue; // gone meanwhile
        for (const event of events) reader.take(event.json);
        reader.offset = events.at(-1)?.offset ?? reader.offset;
        if (events.length === limits.replayRows) behind.add(reader);
      }
    }
  }

  const polling = repeat(
    async () => {
      const offsets = await readOffsets(db, [...byUser.keys()]);
      for (const [userId, readers] of byUser) {
        const last = offsets.get(userId) ?? 0;
        for (const reader of readers) if (reader.offset < last) behind.add(reader);
      }
      await readAll();
    },
    limits.streamPollMs,
    (error) => log.debug({ err: error }, 'could not look for missed notifications'),
  );

  return {
    add(reader) {
      const readers = byUser.get(reader.userId) ?? new Set();
      byUser.set(reader.userId, readers.add(reader));
      behind.add(reader);
      void readAll();
    },
    remove(reader) {
      behind.delete(reader);
      const readers = byUser.get(reader.userId);
      readers?.delete(reader);
      if (readers?.size === 0) byUser.delete(reader.userId);
    },
    of: (userId) => byUser.get(userId) ?? new Set(),
    readOn(reader) {
      behind.add(reader);
      void readAll();
    },
    close: () => polling.stop(),
  };
}
