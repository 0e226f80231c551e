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
  const sendSoon = together((one: Sending) => send(one, ready));
  const server = createServer(timeouts, (request, response) => {
    const finish = (answer: Answer | undefined): void => {
      if (answer === undefined) route(request, response);
      else sendSoon({ answer, request, response });
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
 * Does what comes in one turn of the event loop some at a time: an answer written between two
 * requests wakes a client that slept and ends a turn of Node's own, each for itself; hundreds that
 * wait for the end of the turn survive collections. A turn of very many ends only when their
 * clients have nothing more to send, so they are not all answered before its end.
 */
function together<Item>(work: (item: Item) => void): (item: Item) => void {
  let items: Item[] = [];
  let early = 0;
  const workAll = (): void => {
    const all = items;
    items = [];
    for (const item of all) work(item);
  };
  const endTurn = (): void => {
    early = 0;
    workAll();
  };
  return (item) => {
    const count = items.push(item);
    if (count === 1 && early === 0) setImmediate(endTurn);
    if (count < limits.answersAtOnce || early >= limits.answersInTurn) return;
    early += count;
    workAll();
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
