import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { Json } from '../harness.ts';

// HTTP byte for byte: what a well-behaved client library would never send, or would hide.

const patienceMs = 5_000; // an answer or an end must come by then, or the connection hangs

export interface WireAnswer {
  status: number;
  /** by lower-case name */
  headers: Map<string, string>;
  text: string;
}

export interface WireRequest {
  method: string;
  path: string;
  /** sent as they are, as UTF-8; Host and Content-Length are added unless given */
  headers?: Record<string, string>;
  body?: string | Buffer;
}

/** One connection. */
export interface Line {
  socket: Socket;
  send(bytes: string | Buffer): void;
  /** The next whole answer, or undefined when the server ended without one; fails on neither. */
  answer(withinMs?: number): Promise<WireAnswer | undefined>;
  /** All answers until the server ends the connection; fails when it does not. */
  answers(withinMs?: number): Promise<WireAnswer[]>;
  /** what came and no answer was made of */
  unread(): Buffer;
  /** the server has ended or reset the connection */
  hasEnded(): boolean;
}

export async function openLine(port: number): Promise<Line> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true });
  let received = Buffer.alloc(0);
  let hasEnded = false;
  let wake = (): void => undefined;
  socket.on('data', (chunk) => {
    received = Buffer.concat([received, chunk]);
    wake();
  });
  for (const name of ['end', 'close', 'error'] as const) {
    socket.on(name, () => {
      hasEnded = true;
      wake();
    });
  }
  await once(socket, 'connect');

  const line: Line = {
    socket,
    send: (bytes) => void socket.write(bytes),
    async answer(withinMs = patienceMs) {
      const deadline = Date.now() + withinMs;
      for (;;) {
        const found = readAnswer(received);
        if (found !== undefined) {
          received = received.subarray(found.bytes);
          return found.answer;
        }
        if (hasEnded) return undefined;
        const left = deadline - Date.now();
        assert.ok(left > 0, `neither an answer nor an end: ${received.toString('latin1')}`);
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, left);
          wake = () => {
            clearTimeout(timer);
            resolve();
          };
        });
      }
    },
    async answers(withinMs = patienceMs) {
      const found: WireAnswer[] = [];
      for (const deadline = Date.now() + withinMs; ; ) {
        const answer = await line.answer(Math.max(deadline - Date.now(), 1));
        if (answer === undefined) return found;
        found.push(answer);
      }
    },
    unread: () => received,
    hasEnded: () => hasEnded,
  };
  return line;
}

/** The first answer in the bytes, when it is whole. */
function readAnswer(bytes: Buffer): { answer: WireAnswer; bytes: number } | undefined {
  const headEnd = bytes.indexOf('\r\n\r\n');
  if (headEnd < 0) return undefined;
  const [first = '', ...lines] = bytes.toString('latin1', 0, headEnd).split('\r\n');
  const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(first)?.[1]);
  assert.ok(status >= 100, `not the head of an answer: ${first}`);
  const headers = new Map(
    lines.map((line) => {
      const [name = '', ...value] = line.split(': ');
      return [name.toLowerCase(), value.join(': ')] as const;
    }),
  );
  const start = headEnd + 4;
  if (status < 200 || status === 204)
    return { answer: { status, headers, text: '' }, bytes: start };
  // In chunks come only the empty bodies that Node answers by itself.
  const length = headers.get('transfer-encoding') === 'chunked' ? 5 : headers.get('content-length');
  const isUpgrade = length === undefined && headers.get('connection') === 'close';
  assert.ok(length !== undefined || isUpgrade, `an answer without a length: ${first}`);
  const end = start + Number(length ?? bytes.length - start);
  if (bytes.length < end) return undefined;
  return { answer: { status, headers, text: bytes.toString('utf8', start, end) }, bytes: end };
}

export function bytesOf({ method, path, headers = {}, body }: WireRequest): Buffer {
  const all: Record<string, string> = { Host: 'shop.test', ...headers };
  const isFramed = Object.keys(all).some((name) =>
    /^(content-length|transfer-encoding)$/i.test(name),
  );
  if (body !== undefined && !isFramed) all['Content-Length'] = String(Buffer.byteLength(body));
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  const head = Buffer.from(`${method} ${path} HTTP/1.1\r\n${lines.join('')}\r\n`);
  return Buffer.concat([head, Buffer.from(body ?? '')]);
}

/** The JSON of an answer; a failed parse shows the text. */
export function jsonOf({ status, text }: WireAnswer): Json {
  try {
    return JSON.parse(text);
  } catch {
    throw new Error(`${status} is no JSON: ${text.slice(0, 200)}`);
  }
}
