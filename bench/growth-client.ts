import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { Agent, request } from 'node:http';
import { text } from 'node:stream/consumers';
import { WebSocket } from 'ws';

export interface Call {
  token?: string | undefined;
  body?: object;
  headers?: Record<string, string>;
}

/** One client of a shop, with one connection. */
export interface Client {
  /** `GET /path` and the like. @returns the parsed answer @throws unless it is a 2xx */
  call<Body>(route: string, options?: Call): Promise<Body>;
  /** Follows a stream from a place until `count` events came. */
  replay(token: string, place: { after: number; count: number }): Promise<void>;
  close(): void;
}

export function openClient(url: string): Client {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  return {
    async call<Body>(route: string, { token, body, headers }: Call = {}): Promise<Body> {
      const [method, path] = route.split(' ', 2);
      const sent = request(url + path, { method, agent, headers: { ...headers } });
      if (token !== undefined) sent.setHeader('authorization', `Bearer ${token}`);
      if (body === undefined) sent.end();
      else sent.setHeader('content-type', 'application/json').end(JSON.stringify(body));
      const [answer] = await once(sent, 'response');
      const got = await text(answer);
      if (answer.statusCode >= 200 && answer.statusCode < 300) return JSON.parse(got) as Body;
      throw new Error(`${route}: ${answer.statusCode} ${got}`);
    },
    async replay(token, { after, count }) {
      const socket = new WebSocket(
        `${url.replace('http', 'ws')}/ws/notifications/?token=${token}&after=${after}`,
      );
      let missing = count;
      await new Promise<void>((resolve, reject) => {
        socket.on('error', reject).on('close', () => reject(new Error('The socket was closed')));
        socket.on('message', () => {
          missing -= 1;
          if (missing === 0) resolve();
        });
      });
      socket.terminate();
    },
    close: () => agent.destroy(),
  };
}

export interface Account {
  id: number;
  email: string;
  password: string;
  access: string;
  refresh: string;
}

export async function register(client: Client, userType: 'creator' | 'viewer'): Promise<Account> {
  const email = `${randomBytes(8).toString('hex')}@bench.example`;
  const password = randomBytes(12).toString('base64url');
  const made = await client.call<Account & { user: { id: number } }>('POST /auth/register-user/', {
    body: { email, password, user_type: userType },
  });
  return { id: made.user.id, email, password, access: made.access, refresh: made.refresh };
}
