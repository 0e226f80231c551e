import { WebSocket } from 'ws';

const OPENING_AT_ONCE = 100;

export interface SocketPlace {
  path: string;
  headers: Record<string, string>;
}

/**
 * Opens sockets and keeps them open. A socket that cannot be opened, or closes, is a failure.
 * @param hear is told which socket heard what
 */
export async function openSockets(
  url: string,
  places: SocketPlace[],
  hear: (index: number, data: Buffer) => void,
): Promise<WebSocket[]> {
  const sockets: WebSocket[] = [];
  const queue = places.entries();
  const lane = async (): Promise<void> => {
    for (const [index, { path, headers }] of queue) {
      const options = { headers, perMessageDeflate: false };
      const socket = new WebSocket(`${url.replace('http', 'ws')}${path}`, options);
      socket.on('message', (data) => hear(index, data as Buffer));
      await opened(socket);
      socket.on('close', (code, reason) => {
        throw new Error(`A socket was closed: ${code} ${reason.toString()}`);
      });
      sockets[index] = socket;
    }
  };
  await Promise.all(Array.from({ length: OPENING_AT_ONCE }, lane));
  return sockets;
}

function opened(socket: WebSocket): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once('open', resolve);
    socket.once('error', reject);
    socket.once('close', (code) => reject(new Error(`A socket was refused: ${code}`)));
  });
}
