import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** What of a .cpuprofile file is read here (Chrome DevTools protocol, type Profiler.Profile). */
interface Profile {
  nodes: Node[];
  samples: number[];
  /** microseconds since the sample before */
  timeDeltas: number[];
}

interface Node {
  id: number;
  callFrame: { functionName: string; url: string };
  children?: number[];
}

/** Whose time it is: the innermost frame that is of one of these counts. */
const parts: [part: string, frame: RegExp][] = [
  ['garbage collection', /^\(garbage collector\)/],
  ['driver of PostgreSQL', /\/(?:pg|pg-protocol|pg-pool|pg-types)\//],
  ['router', /\/(?:fastify|find-my-way|fast-json-stringify|secure-json-parse|fast-jwt)\//],
  ['Redis and metrics', /\/(?:@redis|prom-client)\//],
  ['ws', /\/ws\//],
  ['node:http', /node:_http/],
  ['Souk', /\/dist\/main\.js/],
];
const starting = /\/(?:ajv|avvio|commander|cjs-module-lexer)\/|node:internal\/modules/;
const writing = /^(?:writev|writeBuffer|writeUtf8String|writeLatin1String) /;

/** Where the time of each profile of a folder goes, in lines of text; without what is idle. */
export function describeProfiles(folder: string): string[] {
  const files = readdirSync(folder).filter((name) => name.endsWith('.cpuprofile'));
  return files.toSorted().map((name) => {
    const profile = JSON.parse(readFileSync(join(folder, name), 'utf8')) as Profile;
    return `${name}: ${describe(profile)}`;
  });
}

function describe({ nodes, samples, timeDeltas }: Profile): string {
  const framesOf = frameReader(nodes);
  const spent = new Map<string, { all: number; writes: number }>();
  let busy = 0;
  for (const [index, id] of samples.entries()) {
    const frames = framesOf(id);
    const [innermost = ''] = frames;
    if (innermost.startsWith('(idle)') || frames.some((frame) => starting.test(frame))) continue;
    const found = frames.flatMap((frame) => parts.find(([, of]) => of.test(frame))?.[0] ?? [])[0];
    const part = found ?? 'the rest of Node';
    const time = timeDeltas[index] ?? 0;
    const sum = spent.get(part) ?? { all: 0, writes: 0 };
    sum.all += time;
    if (writing.test(innermost)) sum.writes += time;
    spent.set(part, sum);
    busy += time;
  }
  const percent = (time: number): string => `${Math.round((100 * time) / busy)} %`;
  const lines = [...spent]
    .toSorted(([, a], [, b]) => b.all - a.all)
    .map(([part, sum]) => {
      const writes = sum.writes > busy / 100 ? ` (${percent(sum.writes)} writes to sockets)` : '';
      return `  ${percent(sum.all)} ${part}${writes}`;
    });
  return [`${(busy / 1e6).toFixed(1)} s of work`, ...lines].join('\n');
}

/** @returns tells the frames of a node, the innermost first, as name and file */
function frameReader(nodes: Node[]): (id: number) => string[] {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const parents = new Map(
    nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id] as const)),
  );
  const known = new Map<number, string[]>();
  return function framesOf(id: number): string[] {
    const before = known.get(id);
    if (before) return before;
    const frame = byId.get(id)?.callFrame;
    const parent = parents.get(id);
    const above = parent === undefined ? [] : framesOf(parent);
    const frames = [`${frame?.functionName} ${frame?.url}`, ...above];
    known.set(id, frames);
    return frames;
  };
}
