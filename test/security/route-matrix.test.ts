import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Answer, Json } from '../harness.ts';
import { ofs, type Of, type Request, type Row } from './route-rows.ts';
import { table } from './route-table.ts';
import { type Caller, callers, type Thing, World } from './route-world.ts';
import { changedParts, takeSnapshot } from './snapshot.ts';

// Every route of the running program, by everybody, on what is theirs, somebody else's and not
// there at all. Cells that are refused must leave the database as it was and tell nothing.

let world: World;
let documented: string[];
before(async () => {
  world = await World.open();
  const { paths } = (await world.shop.call('GET /openapi.json')).body;
  documented = Object.entries<Json>(paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
  );
});
after(async () => {
  assert.deepEqual(await world.shop.violations(), []);
  await world.shop.close();
});

test('the table has each route of the document, and no other', () => {
  assert.deepEqual(Object.keys(table).toSorted(), documented.toSorted());
});

interface Cell {
  route: string;
  row: Row;
  caller: Caller;
  of: Of;
}

for (const [route, rows] of Object.entries(table)) {
  for (const row of rows) {
    test([route, row.name].filter(Boolean).join(' '), async () => {
      for (const caller of callers) {
        const asked = row.kind === 'nothing' ? (['own'] as const) : ofs;
        for (const of of asked) await checkCell({ route, row, caller, of });
        await foreignLooksMissing({ route, row, caller, of: 'foreign' });
      }
    });
  }
}

const thingOf = ({ row: { kind }, caller, of }: Cell, isRefused: boolean): Promise<Thing> => {
  if (of === 'missing') return Promise.resolve(world.missing(kind));
  return isRefused ? world.lasting(of, kind, caller) : world[of](kind, caller);
};

/** The same route as clients may write it. */
function spellings(route: string): string[] {
  const [method = '', path = ''] = route.split(' ');
  const bare = path.replace(/\/$/, '');
  const below = /^\/(?:auth|healthz|readyz|metrics|openapi)/.test(path) ? [] : [`/app${path}`];
  const paths = [path, `${bare}${path === bare ? '/' : ''}`, ...below];
  const heads = method === 'GET' ? paths.map((one) => `HEAD ${one}`) : [];
  return [...paths.map((one) => `${method} ${one}`), ...heads];
}

function send(route: string, { caller }: Cell, request: Request): Promise<Answer> {
  const { query = '', session, ...options } = request;
  const user = world.userOf(caller);
  const token = user && (session ?? user.access);
  return world.shop.call(route + query, { ...options, token });
}

async function checkCell(cell: Cell): Promise<void> {
  const { route, row, caller, of } = cell;
  const status = row.statuses[caller][of];
  const isRefused = status >= 400;
  if (row.emptiesCart) await send('DELETE /cart/', cell, {});
  const thing = await thingOf(cell, isRefused);
  const request = row.request({ thing, of, world });
  const before = await takeSnapshot(world.shop);
  const ways = isRefused || route.startsWith('GET ') ? spellings(route) : [route];
  for (const way of ways) {
    const answer = await send(way, cell, request);
    const where = `${way} ${row.name ?? ''} by ${caller}, ${of}: ${answer.text.slice(0, 200)}`;
    assert.equal(answer.status, status, where);
    assert.equal(answer.text === '', way.startsWith('HEAD '), where);
    tellsNothing(answer, cell, row.kind === 'login' && !isRefused ? thing.users : []);
  }
  const changed = changedParts(before, await takeSnapshot(world.shop));
  const expected = isRefused ? [] : (row.changes[of] ?? []);
  const where = `${route} ${row.name ?? ''} by ${caller}, ${of}`;
  assert.deepEqual([...new Set(changed.map(tableOf))].toSorted(), expected.toSorted(), where);
  const owners = [world.userOf(caller)?.id, ...thing.users];
  const others = changed.map(userOf).filter((user) => user !== undefined && !owners.includes(user));
  assert.equal(new Set(others).size, row.makesUser && !isRefused ? 1 : 0, `${where}: of others`);
}

const tableOf = (part: string): string => part.split(' ')[0] ?? '';
const userOf = (part: string): number | undefined => {
  const user = part.split(' ')[2];
  return user === undefined ? undefined : Number(user);
};

/** No name, address, order, session or hash of somebody else, in the body or the headers. */
function tellsNothing({ text, headers }: Answer, cell: Cell, shownUsers: number[]): void {
  const whole = text + JSON.stringify([...headers]);
  const told = world.foreignSecrets(cell.caller, shownUsers).filter((one) => whole.includes(one));
  assert.deepEqual(told, [], `${cell.route} tells ${cell.caller} what is not theirs`);
}

/** Who may not touch a thing must not learn from the refusal that it is there. */
async function foreignLooksMissing(cell: Cell): Promise<void> {
  const { row, caller, route } = cell;
  const { foreign, missing } = row.statuses[caller];
  if (foreign < 400 || missing < 400) return;
  const bare = async (of: Of): Promise<object> => {
    const thing = await thingOf({ ...cell, of }, true);
    const answer = await send(route, cell, row.request({ thing, of, world }));
    const headers = [...answer.headers].filter(([name]) => !/^(?:date|x-request-id)$/.test(name));
    return { status: answer.status, text: answer.text.replaceAll(thing.id, 'ID'), headers };
  };
  assert.deepEqual(await bare('foreign'), await bare('missing'), `${route} by ${caller}`);
}

test('a path written oddly never gets anybody past the door', async () => {
  const odd = (path: string): string[] => [
    `/${path}`,
    `${path}/`,
    path.toUpperCase(),
    path.replace(/^\/(.)/, (_, letter: string) => `/%${letter.charCodeAt(0).toString(16)}`),
    path.replace(/\/$/, '%2f'),
    path.replace(/\/$/, ';x=1'),
    path.replace(/\/$/, '/.%2f'),
    `/%2e${path}`,
    `/app/app${path}`,
    `/docs/..%2f${path}`,
    `${path}%00`,
    `${path}?x=/healthz`,
    `/healthz%2f..${path}`,
  ];
  for (const [route, rows] of Object.entries(table)) {
    const [method = '', path = ''] = route.split(' ');
    if (rows[0]?.statuses.anonymous.own !== 401) continue;
    const before = await takeSnapshot(world.shop);
    for (const way of odd(path)) {
      const answer = await world.shop.call(`${method} ${way}`);
      const where = `${method} ${way}: ${answer.status}`;
      assert.ok([400, 401, 404].includes(answer.status), where);
    }
    assert.deepEqual(changedParts(before, await takeSnapshot(world.shop)), []);
  }
});
