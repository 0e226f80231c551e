import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

interface Call {
  sent: string;
  held: Buffer[];
  client: Socket;
}

/** A line to PostgreSQL for a node of a test, on which answers can be held up. */
export class SlowLine {
  readonly url: string;
  readonly #server: Server;
  readonly #calls = new Set<Call>();
  #holds: (sent: string) => boolean = () => false;

  private constructor(server: Server, url: string) {
    this.#server = server;
    this.url = url;
  }

  /** @param databaseUrl names a host, or a folder with a Unix socket */
  static async to(databaseUrl: string): Promise<SlowLine> {
    const target = new URL(databaseUrl.replace('@/', '@localhost/'));
    const folder = target.searchParams.get('host');
    const port = Number(target.port || 5432);
    const server = createServer((client) => {
      const back = folder ? connect(`${folder}/.s.PGSQL.${port}`) : connect(port, target.hostname);
      line.#carry(client, back);
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const near = new URL(target);
    near.search = '';
    near.host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    const line = new SlowLine(server, String(near));
    return line;
  }

  #carry(client: Socket, back: Socket): void {
    const call: Call = { sent: '', held: [], client };
    this.#calls.add(call);
    client.on('data', (data) => {
      call.sent += data.toString('latin1');
      back.write(data);
    });
    back.on('data', (data) => {
      if (this.#holds(call.sent)) call.held.push(data);
      else client.write(data);
    });
    for (const [one, other] of [
      [client, back],
      [back, client],
    ] as const) {
      one.on('error', () => other.destroy());
      one.on('close', () => {
        this.#calls.delete(call);
        other.destroy();
      });
    }
  }

  /** From now on answers wait on connections of which this holds; it is given all they sent. */
  hold(which: (sent: string) => boolean): void {
    this.#holds = which;
  }

  /** How many connections have answers that wait. */
  get waiting(): number {
    return [...this.#calls].filter(({ held }) => held.length > 0).length;
  }

  /** What waits arrives. */
  release(): void {
    this.#holds = () => false;
    for (const { held, client } of this.#calls) {
      for (const data of held.splice(0)) client.write(data);
    }
  }

  close(): void {
    this.#server.close();
    for (const { client } of this.#calls) client.destroy();
  }
}
