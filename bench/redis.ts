import { execFileSync } from 'node:child_process';
import { connect } from 'node:net';
import { type Bench, until } from './bench.ts';
import { freePort } from './souk.ts';

/** The version of redis-server; undefined when it is not installed. */
export function findRedis(environment: Bench['environment']): string | undefined {
  try {
    const text = execFileSync('redis-server', ['--version'], { env: environment });
    return /v=([\d.]+)/.exec(text.toString())?.[1];
  } catch {
    return undefined;
  }
}

/** A Redis that keeps nothing on the disk. @returns its address, once it answers */
export async function startRedis(bench: Pick<Bench, RedisNeeds>): Promise<string> {
  const port = await freePort();
  const options = { port, bind: '127.0.0.1', dir: bench.folder, save: '', appendonly: 'no' };
  bench.processes.start({
    file: 'redis-server',
    args: Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]),
    env: bench.environment,
    cwd: bench.folder,
  });
  const patience = { ms: 10_000, everyMs: 20, signal: bench.signal };
  await until('redis-server', patience, () => answers(port));
  return `redis://127.0.0.1:${port}`;
}

type RedisNeeds = 'processes' | 'environment' | 'folder' | 'signal';

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write('PING\r\n'));
    socket.once('error', () => resolve(false));
    socket.once('data', (data) => {
      socket.destroy();
      resolve(data.toString().startsWith('+PONG'));
    });
  });
}
