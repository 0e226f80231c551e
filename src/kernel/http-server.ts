import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from 'node:http';
import { isAmbiguous, isFirstInLine } from './http-framing.ts';
import { limits } from './limits.ts';
import type { Answer } from './representation.ts';

/** The answer to a request when it is known before it is routed. */
export type FindReady = (
  request: IncomingMessage,
) => Answer | Promise<Answer | undefined> | undefined;

export interface ReadyOptions {
  find: FindReady;
  /** of every answer: names and values in turn */
  headers: string[];
  requestId: (request: IncomingMessage) => string;
  /** is told of each answer */
  count: () => void;
  /** origins other than our own are answered by a plugin of the router */
  hasCors: boolean;
}

/**
 * The server below the router. What is asked for most, and is there as bytes, is answered here:
 * the router, its hooks and its reply cost twice as much as node:http itself (bench/README.md).
 */
export function openServer(route: RequestListener, ready: ReadyOptions): Server {
  const timeouts = {
    // Node takes the longer of the two for bodies, and would have a minute for heads.
    headersTimeout: limits.requestTimeoutMs,
    requestTimeout: limits.requestTimeoutMs,
    connectionsCheckingInterval: limits.requestCheckMs,
    keepAliveTimeout: limits.keepAliveTimeoutMs,
  };
  const sendOne = (one: Sending): void => send(one, ready);
  const sendSoon = together(sendOne, limits.answersAtOnce);
  // Refused early they would ask again in the same turn, and those taken wait for its end.
  const refuseSoon = together(sendOne, Number.POSITIVE_INFINITY);
  const server = createServer(timeouts, (request, response) => {
    const finish = (answer: Answer | undefined): void => {
      if (answer === undefined) route(request, response);
      else (answer.status === 503 ? refuseSoon : sendSoon)({ answer, request, response });
    };
    const isUsual = isPlain(request, ready) && isFirstInLine(request, response);
    const answer = isUsual && server.listening ? ready.find(request) : undefined;
    if (answer instanceof Promise) void answer.then(finish);
    else finish(answer);
  });
  server.setTimeout(limits.stalledConnectionMs);
  return server;
}

interface Sending {
  answer: Answer;
  request: IncomingMessage;
  response: ServerResponse;
}

/**
 * Does what comes in one turn of the event loop at its end, or as soon as there are `most`: an
 * answer written between two requests wakes a client that slept and ends a turn of Node's own,
 * each for itself; hundreds that wait for their answer survive the collections of garbage. But a
 * turn ends only when nobody has anything more to read, and timers wait for that.
 */
function together<Item>(work: (item: Item) => void, most: number): (item: Item) => void {
  let items: Item[] = [];
  let firstAt: number | undefined;
  const workAll = (): void => {
    const all = items;
    items = [];
    for (const item of all) work(item);
  };
  const endTurn = (): void => {
    firstAt = undefined;
    workAll();
  };
  return (item) => {
    if (firstAt === undefined) {
      firstAt = performance.now();
      setImmediate(endTurn);
    }
    if (items.push(item) < most) return;
    if (performance.now() - firstAt < limits.longestTurnMs) workAll();
  };
}

function send({ answer, request, response }: Sending, ready: ReadyOptions): void {
  const { status, headers, body } = answer;
  const id = ['x-request-id', ready.requestId(request)];
  response.writeHead(status, [...headers, ...ready.headers, ...id]);
  response.end(body);
  ready.count();
}

/** Whatever is the least unusual is for the router to judge. */
function isPlain(request: IncomingMessage, { hasCors }: ReadyOptions): boolean {
  const { method, headers } = request;
  const hasBody =
    headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined;
  return (
    (method === 'POST' || (method === 'GET' && !hasBody)) &&
    !(hasCors && headers.origin !== undefined) &&
    !isAmbiguous(request)
  );
}
