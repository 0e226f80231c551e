import { once } from 'node:events';
import { WebSocket } from 'ws';
import type { Json } from './harness.ts';

/** A socket that keeps what it received. */
export interface TestSocket {
  raw: WebSocket;
  messages: Json[];
  /** The first `count` messages since it opened; fails when they do not come in time. */
  receive(count: number, withinMs?: number): Promise<Json[]>;
  /** The code it is closed with. */
  closed: Promise<number>;
  close(): Promise<void>;
}

/** Connects; resolves when the socket is open (a refused one opens and is then closed). */
export async function openSocket(
  url: string,
  headers: Record<string, string> = {},
): Promise<TestSocket> {
  const raw = new WebSocket(url, { headers });
  const messages: Json[] = [];
  let arrived = (): void => undefined;
  raw.on('message', (data: Buffer) => {
    messages.push(JSON.parse(data.toString()));
    arrived();
  });
  const closed = new Promise<number>((resolve) => raw.on('close', (code) => resolve(code)));
  await once(raw, 'open');
  return {
    raw,
    messages,
    closed,
    async receive(count, withinMs = 3_000) {
      const deadline = Date.now() + withinMs;
      while (messages.length < count) {
        const left = deadline - Date.now();
        if (left <= 0) throw new Error(`${messages.length} of ${count} messages came`);
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, left);
          arrived = () => {
            clearTimeout(timer);
            resolve();
          };
        });
      }
      return messages.slice(0, count);
    },
    async close() {
      raw.close();
      await closed;
    },
  };
}
