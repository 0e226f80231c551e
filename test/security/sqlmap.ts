import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { newDataDir, newFolder, query, urlOfDataDir } from '../program-data.ts';
import { cleanUp } from '../program.ts';
import { usualRequest } from './fuzz-requests.ts';
import { type Field, nameOf, type Route, readRoutes } from './fuzz-routes.ts';
import { type FuzzShop, openFuzzShop } from './fuzz-shop.ts';
import { bytesOf, type WireRequest } from './wire.ts';

// What `npm run sqlmap` runs. A star marks each place where sqlmap is to try its payloads, behind
// a value that the route takes, so that they get as far as they can.

const boundMs = 900_000; // of one route
const options = [
  '--batch',
  '--ignore-stdin',
  '--disable-coloring',
  '--flush-session',
  '--dbms=PostgreSQL',
  '--level=3', // headers too; 4 and 5 add guesses about how a statement is nested
  '--risk=2', // heavy queries; 3 adds OR, which only does harm where there is a hole
  '--technique=BEUSTQ', // all of them
  '--time-sec=2',
  '--threads=4',
  '--skip-waf',
  '--ignore-code=400,401,403,404,405,409,422',
];

/** Read on every request, or by somebody behind it. */
const headers: Record<string, string> = {
  'X-Request-Id': 'request-12345678',
  'X-Forwarded-For': '10.0.0.1',
  'User-Agent': 'scan',
  Referer: 'http://shop.test/',
};

interface Found {
  /** the places that were tried */
  tried: Set<string>;
  holes: string[];
  isDone: boolean;
  seconds: number;
  output: string;
}

const say = (text: string): void => void process.stdout.write(`${text}\n`);

/** Tries every route, or those with one of `filters` in their name; true when all is well. */
export async function scan(filters: string[]): Promise<boolean> {
  try {
    if (!(await findsAHole())) return false;
    const shop = await openFuzzShop({
      DATA_DIR: newDataDir(),
      TRUST_PROXY: '1',
      ACCESS_TOKEN_MINUTES: '10080',
    });
    const routes = (await readRoutes(shop)).filter(
      ({ path, method }) =>
        filters.length === 0 || filters.some((part) => `${method} ${path}`.includes(part)),
    );
    let isWell = routes.length > 0;
    for (const route of routes) {
      const places = placesOf(route);
      const found = await runSqlmap(shop.url, markedRequest(shop, route));
      // A mark in the path keeps sqlmap from the others: a run of its own.
      const path = `${usualRequest(shop, route).path.split('?')[0]}*`;
      const inPath = await runSqlmap(shop.url, { ...usualRequest(shop, route), path }, [
        '--skip=user-agent,referer,host',
      ]);
      add(found, inPath);
      const isFine = found.holes.length === 0 && found.isDone && found.tried.size >= places.length;
      isWell &&= isFine;
      report(route, places, found);
      if (!isFine) say([...found.tried].join('; ') + found.output.slice(0, 3_000));
    }
    const health = await shop.call('GET /readyz');
    const errors = shop.output().match(/"level":50/g)?.length ?? 0;
    say(`The shop afterwards: ${health.status}, ${errors} errors in its log`);
    return isWell && health.status === 200 && errors === 0;
  } finally {
    await cleanUp();
  }
}

function add(found: Found, { tried, holes, isDone, seconds, output }: Found): void {
  for (const name of tried) found.tried.add(`path: ${name}`);
  found.holes.push(...holes);
  found.isDone &&= isDone;
  found.seconds += seconds;
  found.output += output;
}

function report({ method, path }: Route, places: string[], found: Found): void {
  const { tried, holes, isDone, seconds } = found;
  const how = isDone ? '' : `, stopped after ${boundMs / 1000} s`;
  const verdict = holes.length > 0 ? `✖ FOUND ${holes.join(', ')}` : isDone ? '✔' : '✖';
  say(
    `${verdict} ${method} ${path}: ${tried.size} of ${places.length} places tried in ` +
      `${seconds} s${how}: ${places.join(', ')}`,
  );
}

/** By name; sqlmap numbers them. */
function placesOf(route: Route): string[] {
  return [
    'path',
    ...route.fields.map((field) => `${field.in} ${nameOf(field)}`),
    ...Object.keys(headers).map((name) => `header ${name}`),
    ...(route.caller === 'anyone' ? [] : ['header Authorization']),
  ];
}

/** Ends each value and header with the mark. */
function markedRequest(shop: FuzzShop, route: Route): WireRequest {
  const marked = new Map<Field, unknown>();
  for (const field of route.fields) {
    const usual = usualValueOf(shop, route, field);
    marked.set(field, `${usual}*`);
  }
  const request = usualRequest(shop, route, { changes: marked });
  const { Authorization: token, ...own } = request.headers ?? {};
  const stars = Object.entries({ ...headers, ...(token ? { Authorization: token } : {}) });
  const [path, search] = request.path.split('?', 2);
  return {
    ...request,
    path: `${path}${search === undefined ? '' : `?${search.replaceAll('%2A', '*')}`}`,
    headers: { ...own, ...Object.fromEntries(stars.map(([name, value]) => [name, `${value}*`])) },
  };
}

/** The value of a field in the usual request, as text. */
function usualValueOf(shop: FuzzShop, route: Route, field: Field): string {
  // Another's refresh token is refused at the end, and so does not end the session of the scan.
  if (route.path === '/auth/logout/') return shop.users.buyer.refresh;
  const { path, headers: sent = {}, body } = usualRequest(shop, route);
  if (field.in === 'query') return new URLSearchParams(path.split('?')[1]).get(nameOf(field)) ?? '';
  if (field.in === 'header') return sent[nameOf(field)] ?? '';
  const value = field.path.reduce<unknown>(
    (inside, key) => (inside as Record<string | number, unknown>)[key],
    JSON.parse(String(body)),
  );
  return String(value);
}

/** Runs sqlmap on one request. */
async function runSqlmap(url: string, request: WireRequest, more: string[] = []): Promise<Found> {
  const folder = newFolder();
  const file = join(folder, 'request.txt');
  const host = new URL(url).host;
  const bytes = bytesOf({ ...request, headers: { Host: host, ...request.headers } });
  writeFileSync(file, bytes.toString('utf8').replace(/^Content-Length: .*\r\n/im, ''));
  const began = Date.now();
  const args = ['-r', file, `--output-dir=${folder}`, ...options, ...more];
  const child = spawn('sqlmap', args, {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => (output += text));
  }
  const patience = setTimeout(() => child.kill('SIGKILL'), boundMs);
  await once(child, 'close');
  clearTimeout(patience);
  const tried = [...output.matchAll(/testing for SQL injection on (.*? parameter '.*?#\d+\*')/g)];
  const holes = [...output.matchAll(/^Parameter: (.*)$/gm)].map(([, name = '']) => name);
  return {
    tried: new Set(tried.map(([, name = '']) => name)),
    holes,
    isDone: holes.length > 0 || output.includes('do not appear to be injectable'),
    seconds: Math.round((Date.now() - began) / 1000),
    output,
  };
}

/** A hole that is really there must be found in the same way: else finding none says nothing. */
async function findsAHole(): Promise<boolean> {
  const dataDir = newDataDir();
  const shop = await openFuzzShop({ DATA_DIR: dataDir });
  const server = createServer((request, response) => {
    const name = new URL(request.url ?? '', 'http://localhost').searchParams.get('name') ?? '';
    const text = `SELECT id FROM products WHERE name = '${name}'`;
    const rows = query(urlOfDataDir(dataDir), text).catch(() => []);
    void rows.then((found) => response.end(JSON.stringify(found)));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const { holes, seconds, output } = await runSqlmap(url, { method: 'GET', path: '/?name=Bell*' });
  server.close();
  await cleanUp();
  say(`${holes.length > 0 ? '✔' : '✖'} sqlmap finds a hole made for it, in ${seconds} s`);
  if (holes.length === 0) say(output.slice(-3_000));
  return shop.port > 0 && holes.length > 0;
}
