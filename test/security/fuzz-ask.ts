import assert from 'node:assert/strict';
import type { Route } from './fuzz-routes.ts';
import { bytesOf, type Line, openLine, type WireAnswer, type WireRequest } from './wire.ts';

const answerMs = 1_000; // the promise
const attempts = 5; // the machine of the tests may be busy: what is slow is slow every time
const hangMs = 20_000; // among others, on a busy machine; what is slow is then asked alone
const lanes = 4;

export interface Asker {
  /** One request on one of a few connections; fails when it is a 5xx, slow, or not answered. */
  ask(request: WireRequest): Promise<WireAnswer>;
  /** Works on a few items at once; on those of the logout route, which may end it, on one. */
  askAll<T>(items: Iterable<T>, work: (item: T) => Promise<unknown>): Promise<void>;
}

export function openAsker(port: number): Asker {
  const idle: Line[] = []; // connections that are kept, and used by one request at a time
  const slow: Buffer[] = []; // to be asked again, alone
  let isCrowded = false;

  const askOnce = async (bytes: Buffer): Promise<[answer: WireAnswer, ms: number]> => {
    let line = idle.pop();
    if (line === undefined || line.hasEnded()) line = await openLine(port);
    const began = performance.now();
    line.send(bytes);
    const answer = await line.answer(hangMs).catch((error: Error) => {
      throw new Error(`${error.message}: ${summary(bytes)}`);
    });
    assert.ok(answer, `the connection ended without an answer: ${summary(bytes)}`);
    assert.ok(answer.status < 500, `${answer.status} to ${summary(bytes)}: ${answer.text}`);
    if (answer.headers.get('connection') === 'close') line.socket.destroy();
    else idle.push(line);
    return [answer, Math.round(performance.now() - began)];
  };

  const askAlone = async (bytes: Buffer): Promise<WireAnswer> => {
    for (const times: number[] = []; ; ) {
      const [answer, ms] = await askOnce(bytes);
      if (ms <= answerMs) return answer;
      times.push(ms);
      assert.ok(times.length < attempts, `took ${times.join(', ')} ms: ${summary(bytes)}`);
    }
  };

  return {
    async ask(request) {
      const bytes = bytesOf(request);
      if (!isCrowded) return askAlone(bytes);
      const [answer, ms] = await askOnce(bytes);
      if (ms > answerMs) slow.push(bytes);
      return answer;
    },
    async askAll(items, work) {
      isCrowded = true;
      const alone = await inLanes(items, work).finally(() => (isCrowded = false));
      for (const item of alone) await work(item);
      for (const bytes of slow.splice(0)) await askAlone(bytes);
    },
  };
}

const summary = (bytes: Buffer): string => {
  const text = bytes.toString('utf8');
  return JSON.stringify(text.replaceAll(/Bearer \S+/g, 'Bearer …').slice(0, 600));
};

/** @returns what is to be worked on alone */
async function inLanes<T>(items: Iterable<T>, work: (item: T) => Promise<unknown>): Promise<T[]> {
  const alone: T[] = [];
  const queue = items[Symbol.iterator]();
  const take = async (): Promise<void> => {
    for (let next = queue.next(); !next.done; next = queue.next()) {
      if (endsSession(next.value)) alone.push(next.value);
      else await work(next.value);
    }
  };
  await Promise.all(Array.from({ length: lanes }, take));
  return alone;
}

const endsSession = (item: unknown): boolean =>
  (item as { route?: Route } | undefined)?.route?.path === '/auth/logout/';
