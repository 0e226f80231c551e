import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { HttpError } from './errors.ts';
import { limits } from './limits.ts';

// Where a request begins and ends, and for whom it is: what two readers of the same bytes, such as
// a proxy and this server, could take for different things is refused (RFC 9112 section 11.2).

const hostCharacters = /^[\w.~!$&'()*+,;=%:[\]-]*$/; // RFC 3986 section 3.2.2, and the port

/** @throws HttpError 400, and the connection is closed: what follows may not be a request */
export function refuseAmbiguous(request: IncomingMessage): void {
  if (isAmbiguous(request)) throw new HttpError(400, malformed, { connection: 'close' });
}

export function isAmbiguous(request: IncomingMessage): boolean {
  const { headers, httpVersion } = request;
  // Node's parser takes 0.9 and 2.0 too.
  const isSpoken = httpVersion === '1.1' || httpVersion === '1.0';
  // Node's parser takes any list that ends with "chunked", and undoes only that.
  const coding = headers['transfer-encoding'];
  const isCoded =
    coding !== undefined && (httpVersion === '1.0' || coding.toLowerCase() !== 'chunked');
  const isHost = hostCharacters.test(headers.host ?? '') && !hasManyHosts(request);
  return !isSpoken || isCoded || !isHost;
}

/** A request for another protocol must end with its head: else where that begins is unclear. */
export function isPlainUpgrade(request: IncomingMessage): boolean {
  const { 'content-length': length = '0', 'transfer-encoding': coding } = request.headers;
  return Number(length) === 0 && coding === undefined && !hasManyHosts(request);
}

const malformed = { detail: 'Malformed request.' };

/** Node keeps the first of them; a proxy may have gone by the last. */
function hasManyHosts({ rawHeaders }: IncomingMessage): boolean {
  let count = 0;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] ?? '';
    if (name.length === 4 && name.toLowerCase() === 'host') count += 1;
  }
  return count > 1;
}

/**
 * Does something on a connection once all that came before on it is answered. A client that does
 * not take those answers is cut off: Node watches such a connection no more. Node's own handler of
 * bad bytes looks at the same field.
 */
export function afterAnswers(socket: Duplex, work: () => void): void {
  const patience = setTimeout(() => socket.destroy(), limits.stalledConnectionMs).unref();
  const forget = (): void => clearTimeout(patience);
  socket.once('close', forget);
  const look = (): void => {
    const { _httpMessage: answer } = socket as Duplex & { _httpMessage?: ServerResponse };
    if (answer?.req.complete && !answer.writableFinished) {
      answer.once('finish', () => setImmediate(look));
    } else {
      forget();
      socket.off('close', forget); // a connection may come here again and again
      work();
    }
  };
  look();
}

/** No other request of its connection waits for its answer. */
export function isFirstInLine({ socket }: IncomingMessage, own: ServerResponse): boolean {
  const { _httpMessage: first } = socket as Socket & { _httpMessage?: ServerResponse };
  return first === undefined || first === own;
}

const lines = new WeakMap<Duplex, { last: ServerResponse; waiting: number }>();

/**
 * Lets a request that came behind others on its connection wait until they are answered and the
 * client has taken the answers: else one that never reads would have hundreds of them kept here.
 * A client that sends very many ahead is cut off.
 * @returns false when nothing is before it: `work` is for the caller to do. Else it is done in its
 * turn, or never when the client has gone by then
 */
export function waitForTurn(
  { socket }: IncomingMessage,
  own: ServerResponse,
  work: () => void,
): boolean {
  const { _httpMessage: first } = socket as Socket & { _httpMessage?: ServerResponse };
  if (socket.destroyed) return true; // nobody is there
  if (first === undefined || first === own) return false;
  const line = lines.get(socket) ?? { last: first, waiting: 0 };
  const ahead = line.last.closed ? first : line.last;
  lines.set(socket, line);
  line.last = own;
  line.waiting += 1;
  if (line.waiting > limits.requestsAhead) socket.destroy();
  ahead.once('close', () => {
    line.waiting -= 1;
    if (!socket.destroyed) work();
  });
  return true;
}

const refused = new WeakSet<Socket>();

/** Answers what never became a request, once, and ends the connection. */
export function refuseBytes(error: { code: string }, socket: Socket): void {
  if (refused.has(socket)) return;
  refused.add(socket);
  socket.pause(); // more bytes would only put off its end
  // What came before may be carried out right now: its client would take this for its answer.
  afterAnswers(socket, () => {
    if (socket.writable) socket.write(refusalOf(error.code));
    socket.destroySoon(); // a client that does not close must not keep it open
  });
}

function refusalOf(code: string): string {
  const [status, detail] =
    {
      HPE_HEADER_OVERFLOW: ['431 Request Header Fields Too Large', 'The headers are too large.'],
      ERR_HTTP_REQUEST_TIMEOUT: ['408 Request Timeout', 'The request took too long to arrive.'],
    }[code] ?? (['400 Bad Request', malformed.detail] as const);
  const body = JSON.stringify({ detail });
  return [
    `HTTP/1.1 ${status}`,
    'Content-Type: application/json',
    `Content-Length: ${body.length}`,
    'Connection: close',
    '',
    body,
  ].join('\r\n');
}
