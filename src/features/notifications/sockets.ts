import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import type { Context } from '../../context.ts';
import { afterAnswers, isPlainUpgrade } from '../../kernel/http-framing.ts';
import { limits } from '../../kernel/limits.ts';
import type { Principal, Sessions } from '../accounts/sessions.ts';
import {
  type Connection,
  closeCodes,
  closeSoon,
  openConnection,
  watchConnections,
} from './connections.ts';
import { Readers } from './readers.ts';
import { readOffsets } from './streams.ts';

/** What a handshake asks for. */
export interface Handshake {
  /** an access token or a ticket */
  credential: string | undefined;
  after: number | undefined;
}

export interface SocketOptions {
  sessions: Sessions;
  /** undefined when the path is not a socket of ours */
  readHandshake(request: IncomingMessage): Handshake | undefined;
  /** undefined when the credential does not admit */
  authenticate(credential: string): Promise<Principal | undefined>;
}

/** Who reads, and the last event that they know. */
interface Place {
  principal: Principal;
  offset: number;
}

/** A reader of a stream, or why there is none. */
type Admission = Place | { code: number; reason: string };

/** Notification sockets: each follows the stream of the user who opened it. */
export class Sockets {
  readonly #context: Context;
  readonly #options: SocketOptions;
  readonly #connections = new Set<Connection>();
  readonly #readers: Readers<Connection>;
  readonly #watch: { stop(): void };
  readonly #hub = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    maxPayload: limits.socketMessageBytes,
    clientTracking: false,
  });
  #closing = false;

  constructor(context: Context, options: SocketOptions) {
    this.#context = context;
    this.#options = options;
    this.#readers = new Readers<Connection>(context);
    this.#watch = watchConnections(this.#connections);
    options.sessions.onEnded((sessionIds) => {
      const ended = new Set(sessionIds);
      for (const { sessionId, socket } of this.#connections) {
        if (ended.has(sessionId)) endSocket(socket);
      }
    });
  }

  /** Takes sockets from the server's upgrade requests. */
  listen(server: Server): void {
    server.on('upgrade', (request: IncomingMessage, stream: Duplex, head: Buffer) => {
      // Once: a connection may come here again and again.
      stream.off('error', ignore).on('error', ignore);
      afterAnswers(stream, () => {
        if (request.headers.upgrade?.toLowerCase() !== 'websocket') {
          serveWithoutUpgrade(server, { request, stream, head });
        } else if (isPlainUpgrade(request)) {
          void this.#upgrade(request, stream, head);
        } else {
          refuseUpgrade(stream, '400 Bad Request');
        }
      });
    });
  }

  /** Tells every socket that the server restarts (1012) and refuses new ones. */
  close(): void {
    this.#closing = true;
    this.#watch.stop();
    this.#readers.close();
    for (const { socket } of this.#connections) closeSoon(socket, 1012, 'The server restarts');
  }

  async #upgrade(request: IncomingMessage, stream: Duplex, head: Buffer): Promise<void> {
    let admission: Admission | undefined;
    try {
      admission = await this.#prepare(request);
    } catch (error) {
      this.#context.log.warn({ err: error }, 'a socket could not be opened');
      admission = tryAgainLater;
    }
    if (stream.destroyed) return;
    if (this.#closing) refuseUpgrade(stream, '503 Service Unavailable');
    else if (admission === undefined) refuseUpgrade(stream, '404 Not Found');
    else this.#greet(request, { stream, head, admission });
  }

  #greet(
    request: IncomingMessage,
    { stream, head, admission }: { stream: Duplex; head: Buffer; admission: Admission },
  ): void {
    this.#hub.handleUpgrade(request, stream, head, (socket) => {
      socket.on('error', () => socket.terminate());
      if ('code' in admission) closeSoon(socket, admission.code, admission.reason);
      else this.#open(socket, stream, admission);
    });
  }

  /**
   * All that takes time comes before the handshake ends: a client that sees its socket open hears
   * of whatever commits from then on. Refusals open the socket too, to close it with a code.
   */
  async #prepare(request: IncomingMessage): Promise<Admission | undefined> {
    const handshake = this.#options.readHandshake(request);
    if (handshake === undefined) return undefined;
    const { credential, after } = handshake;
    const { config, db } = this.#context;
    if (!isOriginAllowed(request, config.corsOrigins)) {
      return { code: closeCodes.forbidden, reason: 'Origin not allowed: see CORS_ORIGINS' };
    }
    const principal = credential ? await this.#options.authenticate(credential) : undefined;
    if (!principal) return { code: closeCodes.unauthorized, reason: 'Unauthorized' };
    const { userId } = principal;
    const last = (await readOffsets(db, [userId])).get(userId) ?? 0;
    return { principal, offset: Math.min(after ?? last, last) };
  }

  #open(socket: WebSocket, stream: Duplex, { principal, offset }: Place): void {
    const { sockets, notificationsSent } = this.#context.metrics;
    const readers = this.#readers;
    const sent = (count: number): void => notificationsSent.inc(count);
    const connection = openConnection({ socket, stream, principal, offset, readers, sent });
    this.#connections.add(connection);
    sockets.set(this.#connections.size);
    const forget = (one: Connection): void => {
      this.#connections.delete(one);
      readers.remove(one);
      sockets.set(this.#connections.size);
    };
    socket.on('close', () => forget(connection));
    readers.add(connection);
    const own = readers.of(principal.userId);
    const [eldest] = own;
    if (eldest && own.size > limits.socketsPerUser) {
      forget(eldest); // at once, so that the next newcomer meets the next eldest
      closeSoon(eldest.socket, closeCodes.replaced, 'Too many sockets of one user');
    }
    void this.#endIfRevoked(socket, principal);
  }

  /** The session may have ended while the socket was being opened. */
  async #endIfRevoked(socket: WebSocket, { sessionId, userId }: Principal): Promise<void> {
    try {
      if (!(await this.#options.sessions.find(sessionId, userId))) endSocket(socket);
    } catch {
      closeSoon(socket, tryAgainLater.code, tryAgainLater.reason); // not known just now
    }
  }
}

/**
 * An offer of another protocol (h2c, as some clients make on every request) is to be ignored (RFC
 * 9110 section 7.8). Node hands such requests to the upgrade event with their body unread, so the
 * request is put back in front of it, without the offer, and the connection begun anew.
 */
function serveWithoutUpgrade(
  server: Server,
  { request, stream, head }: { request: IncomingMessage; stream: Duplex; head: Buffer },
): void {
  const { method, url, rawHeaders, headers, httpVersion } = request;
  const offers = new Set(['upgrade', 'connection', 'http2-settings']);
  const lines = [`${method} ${url} HTTP/${httpVersion}`];
  const wishes = headers.connection?.toLowerCase().match(/\b(?:close|keep-alive)\b/);
  if (wishes) lines.push(`Connection: ${wishes[0]}`);
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const [name = '', value = ''] = rawHeaders.slice(index, index + 2);
    if (!offers.has(name.toLowerCase())) lines.push(`${name}: ${value}`);
  }
  const again = Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1');
  stream.unshift(Buffer.concat([again, head]));
  server.emit('connection', stream);
}

const ignore = (): void => undefined; // the stream is destroyed by then

function refuseUpgrade(stream: Duplex, status: string): void {
  // A client that does not close, or does not read, keeps nothing open.
  stream.once('finish', () => stream.destroy());
  setTimeout(() => stream.destroy(), limits.socketFarewellMs).unref();
  stream.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}

const tryAgainLater = { code: 1013, reason: 'Try again later' };

const endSocket = (socket: WebSocket): void =>
  closeSoon(socket, closeCodes.unauthorized, 'The session has ended');

/** Browsers name the page's origin: our own host or one of CORS_ORIGINS. Others send none. */
function isOriginAllowed(request: IncomingMessage, allowed: readonly string[]): boolean {
  const { origin, host } = request.headers;
  if (origin === undefined || allowed.includes(origin)) return true;
  return URL.canParse(origin) && new URL(origin).host === host;
}
