import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { AddressInfo } from 'node:net';
import { pino } from 'pino';
import { buildApp } from '../../src/app.ts';
import { parseConfig } from '../../src/config.ts';
import { openContext } from '../../src/context.ts';
import { callApi, jwtSecret, openShop, type TestShop, type User } from '../harness.ts';
import { openSocket } from '../socket.ts';

let shop: TestShop;
before(async () => (shop = await openShop()));
after(() => shop.close());

/** A node that logs everything it can to `lines`, nothing blanked. */
async function openTalkativeNode(lines: string[]) {
  const settings = { DATABASE_URL: shop.databaseUrl, JWT_SECRET: jwtSecret, RATE_LIMITS: 'off' };
  const log = pino({ level: 'trace' }, { write: (line) => void lines.push(line) });
  const context = await openContext(parseConfig(settings), { log });
  const app = await buildApp(context);
  await app.http.listen({ host: '127.0.0.1', port: 0 });
  const { port } = app.http.server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    log,
    async close() {
      await app.close();
      await context.close();
    },
  };
}

test('no token, ticket or password reaches the log', async () => {
  const lines: string[] = [];
  const node = await openTalkativeNode(lines);
  const buyer = await shop.buyer();
  const call = (route: string, options = {}) => callApi(node.url, route, options);
  const { email, password, access, refresh } = buyer;
  const { body: second } = await call('POST /auth/login/', { body: { email, password } });
  const { body } = await call('POST /auth/ws-ticket/', { token: access });
  const sockets = node.url.replace('http', 'ws');
  for (const path of [
    `/ws/notifications/${access}/`,
    `/ws/notifications/?token=${access}`,
    `/ws/notifications/?token=${body.ticket}`,
    `/ws/notifications/${refresh}/`,
    `/ws/notifications/${body.ticket}/`,
  ]) {
    const socket = await openSocket(sockets + path);
    await socket.close();
  }
  for (const token of [access, refresh, second.refresh, 'a.b.c']) {
    await call('GET /cart/', { token });
    await call(`GET /ws/notifications/${token}/`, { token });
    await call(`GET /list-product/?token=${token}`, { token });
    await call(`POST /no/such/${token}`, { token, body: { refresh, password, email } });
    await call('POST /cart/', { token, headers: { 'content-type': 'text/plain' }, raw: token });
    await call('POST /auth/get-access-token/', { body: { refresh: token } });
    await call('POST /auth/register-user/', { body: { email, password, user_type: token } });
  }
  await call('POST /auth/logout/', { token: access, body: { refresh: second.refresh } });
  node.log.info('the end');
  await node.close();
  assert.match(lines.at(-1) ?? '', /the end/); // it does log
  hides(lines.join(''), { ...buyer, ...second, ticket: body.ticket });
});

function hides(log: string, { password, access, refresh, ticket }: User & { ticket: string }) {
  for (const secret of [password, ticket, ...access.split('.'), ...refresh.split('.').slice(1)]) {
    assert.ok(!log.includes(secret), `the log has ${secret}`);
  }
}
