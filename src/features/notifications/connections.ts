import type { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';
import { limits } from '../../kernel/limits.ts';
import type { Principal } from '../accounts/sessions.ts';
import type { Reader, Readers } from './readers.ts';

/** One open socket, as a reader of its user's stream. */
export interface Connection extends Reader {
  socket: WebSocket;
  sessionId: string;
  alive: boolean;
  /** when it stopped draining; 0 while it drains */
  stalledSince: number;
}

// Codes of our own (4000 to 4999 are the application's, RFC 6455 section 7.4.2).
export const closeCodes = {
  tooSlow: 4008,
  unauthorized: 4401,
  forbidden: 4403,
  replaced: 4409,
} as const;

/**
 * @param options.stream what the socket writes to
 * @param options.sent is told how many events are written
 */
export function openConnection(options: {
  socket: WebSocket;
  stream: Duplex;
  principal: Principal;
  offset: number;
  readers: Readers<Connection>;
  sent: (count: number) => void;
}): Connection {
  const { socket, stream, principal, offset, readers, sent } = options;
  const connection: Connection = {
    socket,
    userId: principal.userId,
    sessionId: principal.sessionId,
    offset,
    alive: true,
    stalledSince: 0,
    ready() {
      if (socket.bufferedAmount < limits.socketBufferBytes) return true;
      connection.stalledSince ||= Date.now();
      return false;
    },
    take(frames) {
      if (socket.readyState !== socket.OPEN) return;
      sent(frames.length);
      // Whole frames, beside those of ws, which frames each message anew for each socket.
      for (const frame of frames) stream.write(frame, flushed);
    },
  };
  const flushed = (): void => {
    if (connection.stalledSince === 0 || !connection.ready()) return;
    connection.stalledSince = 0;
    readers.readOn(connection);
  };
  socket.on('pong', () => (connection.alive = true));
  return connection;
}

/** Pings, drops what does not answer, and closes what does not drain. */
export function watchConnections(connections: ReadonlySet<Connection>): { stop(): void } {
  const heartbeat = setInterval(() => {
    for (const connection of connections) {
      if (!connection.alive) connection.socket.terminate();
      connection.alive = false;
      connection.socket.ping();
    }
  }, limits.socketPingMs).unref();
  const stallCheck = setInterval(() => {
    for (const { stalledSince, socket } of connections) {
      if (stalledSince === 0 || Date.now() - stalledSince < limits.socketStallMs) continue;
      closeSoon(socket, closeCodes.tooSlow, 'Reading too slowly; reconnect with ?after=');
    }
  }, 1_000).unref();
  return {
    stop() {
      clearInterval(heartbeat);
      clearInterval(stallCheck);
    },
  };
}

/** Closes with a code, and cuts the line when the other side does not answer soon. */
export function closeSoon(socket: WebSocket, code: number, reason: string): void {
  socket.close(code, reason);
  setTimeout(() => socket.terminate(), limits.socketFarewellMs).unref();
}
