import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import type { Context } from '../../context.ts';
import { limits } from '../../kernel/limits.ts';
import type { Principal, Sessions } from '../accounts/sessions.ts';
import {
  type Connection,
  closeCodes,
  closeSoon,
  openConnection,
  watchConnections,
} from './connections.ts';
import { openReaders } from './readers.ts';
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

export interface Sockets {
  /** Takes sockets from the server's upgrade requests. */
  listen(server: Server): void;
  /** Tells every socket that the server restarts (1012) and refuses new ones. */
  close(): void;
}

/** Notification sockets: each follows the stream of the user who opened it. */
export function openSockets(context: Context, options: SocketOptions): Sockets {
  const { metrics, log, db } = context;
  const { sessions } = options;
  const hub = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    maxPayload: limits.socketMessageBytes,
    clientTracking: false,
  });
  const readers = openReaders(context);
  const connections = new Set<Connection>();
  const watch = watchConnections(connections);
  let closing = false;

  async function admitSocket(
    socket: WebSocket,
    request: IncomingMessage,
    { credential, after }: Handshake,
  ): Promise<void> {
    if (!isOriginAllowed(request, context.config.corsOrigins)) {
      return closeSoon(socket, closeCodes.forbidden, 'Origin not allowed: see CORS_ORIGINS');
    }
    const principal = credential ? await options.authenticate(credential) : undefined;
    if (!principal) return closeSoon(socket, closeCodes.unauthorized, 'Unauthorized');
    const { userId, sessionId } = principal;
    // Without `after` the socket begins now: whatever commits from here on is sent.
    const last = (await readOffsets(db, [userId])).get(userId) ?? 0;
    const offset = Math.min(after ?? last, last);
    if (socket.readyState !== socket.OPEN) return;

    const sent = (): void => metrics.notificationsSent.inc();
    const connection = openConnection({ socket, principal, offset, readers, sent });
    connections.add(connection);
    metrics.sockets.set(connections.size);
    socket.on('close', () => {
      connections.delete(connection);
      readers.remove(connection);
      metrics.sockets.set(connections.size);
    });
    readers.add(connection);
    const own = readers.of(userId) as ReadonlySet<Connection>;
    const [eldest] = own;
    if (eldest && own.size > limits.socketsPerUser) {
      closeSoon(eldest.socket, closeCodes.replaced, 'Too many sockets of one user');
    }
    // The session may have ended while the socket was being opened.
    if (!(await sessions.find(sessionId, userId))) endSocket(socket);
  }

  sessions.onEnded((sessionIds) => {
    const ended = new Set(sessionIds);
    for (const { sessionId, socket } of connections) if (ended.has(sessionId)) endSocket(socket);
  });

  function upgrade(request: IncomingMessage, stream: Duplex, head: Buffer): void {
    stream.on('error', () => stream.destroy());
    const handshake = options.readHandshake(request);
    if (handshake === undefined || closing) {
      stream.end(`HTTP/1.1 ${closing ? '503 Service Unavailable' : '404 Not Found'}\r\n\r\n`);
      return;
    }
    hub.handleUpgrade(request, stream, head, (socket) => {
      socket.on('error', () => socket.terminate());
      admitSocket(socket, request, handshake).catch((error: unknown) => {
        log.warn({ err: error }, 'a socket could not be opened');
        closeSoon(socket, 1013, 'Try again later');
      });
    });
  }

  return {
    listen: (server) => void server.on('upgrade', upgrade),
    close() {
      closing = true;
      watch.stop();
      readers.close();
      for (const { socket } of connections) closeSoon(socket, 1012, 'The server restarts');
    },
  };
}

const endSocket = (socket: WebSocket): void =>
  closeSoon(socket, closeCodes.unauthorized, 'The session has ended');

/** Browsers name the page's origin: our own host or one of CORS_ORIGINS. Others send none. */
function isOriginAllowed(request: IncomingMessage, allowed: readonly string[]): boolean {
  const { origin, host } = request.headers;
  if (origin === undefined || allowed.includes(origin)) return true;
  return URL.canParse(origin) && new URL(origin).host === host;
}
