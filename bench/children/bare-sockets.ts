import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type WebSocket, WebSocketServer } from 'ws';
import { answerJobs } from '../job.ts';

export interface BareSocketsJob {
  /** what is sent to all sockets of a path when one of them says anything */
  frame: string;
}

/** The least that ws can do: it knows which sockets opened the same path, and nothing else. */
answerJobs(async ({ frame }: BareSocketsJob) => {
  const crowds = new Map<string, Set<WebSocket>>();
  const bytes = Buffer.from(frame);
  const server = createServer();
  const hub = new WebSocketServer({
    server,
    perMessageDeflate: false,
    clientTracking: false,
    maxPayload: 4096,
  });
  hub.on('connection', (socket, { url = '' }) => {
    const crowd = crowds.get(url) ?? new Set();
    crowds.set(url, crowd.add(socket));
    socket.on('close', () => crowd.delete(socket));
    socket.on('message', () => {
      for (const one of crowd) one.send(bytes, { binary: false });
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { port: (server.address() as AddressInfo).port };
});
