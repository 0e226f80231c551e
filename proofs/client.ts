import { Agent, type ClientRequest, request } from 'node:http';
import type { Json } from '../test/harness.ts';

/**
 * What became of a request. A status is an answer. `refused`: no connection could be made, so
 * nothing happened. `cut`: it broke off, and `late`: no answer came in time; both mean "maybe".
 * `stale`: a kept connection was closed before anything came back, which clients try again on.
 */
export type Outcome = number | 'refused' | 'stale' | 'cut' | 'late';

export interface Reply {
  outcome: Outcome;
  /** the parsed body, when there is one */
  body: Json;
  retryAfter: string | undefined;
  requestId: string;
  /** on the clock of `performance.now()` */
  sentAt: number;
  endedAt: number;
}

export interface Ask {
  token?: string | undefined;
  body?: object | undefined;
  headers?: Record<string, string>;
}

export const answerWaitMs = 12_000; // above every time-out of the shop

/** Sends requests over kept connections and tells how each ended; it never throws. */
export class Client {
  readonly #agent: Agent;
  readonly #prefix: string;
  #count = 0;

  /** @param prefix of the request ids, so that logs tell who asked */
  constructor(prefix: string, connections = 256) {
    this.#prefix = prefix;
    this.#agent = new Agent({ keepAlive: true, maxSockets: connections });
  }

  /** @param route method and path, as `GET /cart/` */
  send(url: string, route: string, ask: Ask = {}): Promise<Reply> {
    const [method = '', path = ''] = route.split(' ', 2);
    this.#count += 1;
    const requestId = `${this.#prefix}-${String(this.#count).padStart(7, '0')}`;
    const headers: Record<string, string> = { ...ask.headers, 'x-request-id': requestId };
    if (ask.token !== undefined) headers['authorization'] = `Bearer ${ask.token}`;
    const content = ask.body === undefined ? undefined : JSON.stringify(ask.body);
    if (content !== undefined) {
      headers['content-type'] = 'application/json';
      headers['content-length'] = String(Buffer.byteLength(content));
    }
    const sentAt = performance.now();
    return new Promise((resolve) => {
      const end = (outcome: Outcome, body?: Json, retryAfter?: string): void => {
        clearTimeout(patience);
        const endedAt = performance.now();
        resolve({ outcome, body, retryAfter, requestId, sentAt, endedAt });
      };
      const sent = request(url + path, { method, headers, agent: this.#agent }, (answer) => {
        let text = '';
        answer.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
        answer.on('end', () => {
          end(answer.statusCode ?? 0, parsed(text), answer.headers['retry-after']);
        });
        answer.on('error', () => end('cut'));
      });
      const patience = setTimeout(() => {
        end('late');
        sent.destroy();
      }, answerWaitMs);
      sent.on('error', (error: NodeJS.ErrnoException) => end(failureOf(error, sent)));
      sent.end(content);
    });
  }

  close(): void {
    this.#agent.destroy();
  }
}

function failureOf({ code }: NodeJS.ErrnoException, sent: ClientRequest): Outcome {
  if (code === 'ECONNREFUSED') return 'refused';
  return sent.reusedSocket && (code === 'ECONNRESET' || code === 'EPIPE') ? 'stale' : 'cut';
}

function parsed(text: string): Json {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
