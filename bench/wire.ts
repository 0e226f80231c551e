import { connect, type Socket } from 'node:net';

export interface WireRequest {
  method: 'GET' | 'POST' | 'PATCH';
  path: string;
  headers: Record<string, string>;
  body?: string;
}

export interface Answer {
  status: number;
  /** status line and headers */
  head: string;
  body: Buffer;
}

/**
 * One HTTP/1.1 connection, for answers that have a content-length and requests that wait for the
 * answer before: so lean that what it costs the machine hardly counts.
 */
export class Wire {
  readonly #socket: Socket;
  #received: Buffer[] = [];
  #missing = 0; // bytes of the answer under way; 0 while its head is not complete
  #current: { resolve(answer: Answer): void; reject(error: Error): void } | undefined;
  #head = '';

  /** @param url only its host and port count */
  static open(url: string): Promise<Wire> {
    const { hostname, port } = new URL(url);
    return new Promise((resolve, reject) => {
      const socket = connect({ host: hostname, port: Number(port), noDelay: true });
      socket.once('error', reject);
      socket.once('connect', () => resolve(new Wire(socket)));
    });
  }

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.removeAllListeners('error');
    socket.on('data', (chunk) => this.#take(chunk));
    socket.on('error', (error) => this.#current?.reject(error));
    socket.on('close', () => this.#current?.reject(new Error('The server closed a connection')));
  }

  ask(request: string): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.#current = { resolve, reject };
      this.#socket.write(request);
    });
  }

  close(): void {
    this.#socket.destroy();
  }

  #take(chunk: Buffer): void {
    this.#received.push(chunk);
    if (this.#head === '') this.#readHead();
    else this.#missing -= chunk.length;
    if (this.#head === '' || this.#missing > 0) return;
    const head = this.#head;
    const body = whole(this.#received).subarray(head.length + 4);
    this.#received = [];
    this.#head = '';
    this.#current?.resolve({ status: Number(head.slice(9, 12)), head, body });
  }

  #readHead(): void {
    const received = whole(this.#received);
    const end = received.indexOf('\r\n\r\n');
    if (end === -1) return;
    this.#head = received.toString('latin1', 0, end);
    const length = /^content-length: (\d+)/im.exec(this.#head)?.[1];
    if (length === undefined) throw new Error(`An answer without a length:\n${this.#head}`);
    this.#missing = end + 4 + Number(length) - received.length;
  }
}

const whole = (parts: Buffer[]): Buffer =>
  parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts);

/** Opens so few at once that none is turned away. */
export async function openWires(url: string, count: number): Promise<Wire[]> {
  const wires: Wire[] = [];
  while (wires.length < count) {
    const some = Array.from({ length: Math.min(100, count - wires.length) }, () => Wire.open(url));
    wires.push(...(await Promise.all(some)));
  }
  return wires;
}

/** The bytes of a request. */
export function requestText({ method, path, headers, body }: WireRequest): string {
  const lines = [`${method} ${path} HTTP/1.1`, 'Host: localhost'];
  for (const [name, value] of Object.entries(headers)) lines.push(`${name}: ${value}`);
  if (body !== undefined) {
    lines.push('Content-Type: application/json', `Content-Length: ${Buffer.byteLength(body)}`);
  }
  return `${lines.join('\r\n')}\r\n\r\n${body ?? ''}`;
}
