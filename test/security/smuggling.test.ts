import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { User } from '../harness.ts';
import { newDatabase } from '../program-data.ts';
import { cleanUp, type ServedShop, serve } from '../program.ts';
import { addToCart, ordersOf } from '../shopping.ts';
import { offer, register } from '../traffic.ts';
import { answeredOnce, hiddenPath, pipelined, refused } from './smuggling-shapes.ts';
import { openLine, type WireAnswer } from './wire.ts';

// Requests that a proxy in front may cut in other places than this server does.

const settleMs = 60; // what is answered at all is answered by then; what is slower shows below
let shop: ServedShop;
before(async () => {
  shop = await serve(await newDatabase());
});
after(cleanUp);

/** All answers to these bytes, and whether the server ended the connection by itself. */
async function send(bytes: string): Promise<{ answers: WireAnswer[]; isOver: boolean }> {
  const line = await openLine(shop.port);
  line.send(Buffer.from(bytes, 'latin1'));
  const answers: WireAnswer[] = [];
  let answer = await line.answer();
  while (answer !== undefined) {
    if (answer.status !== 100) answers.push(answer);
    for (let ms = 0; ms < settleMs && line.unread().length === 0 && !line.hasEnded(); ms += 10) {
      await sleep(10);
    }
    if (line.unread().length === 0) break;
    answer = await line.answer();
  }
  const isOver = line.hasEnded();
  line.socket.destroy();
  return { answers, isOver };
}

const statusesOf = (answers: WireAnswer[]): number[] => answers.map(({ status }) => status);

/** Each shape on a connection of its own, a few at once. */
async function each<T>(
  shapes: Record<string, T>,
  check: (shape: T, name: string) => Promise<string>,
): Promise<void> {
  const found = await Promise.all(
    Object.entries(shapes).map(async ([name, shape]) => {
      const wrong = await check(shape, name);
      return wrong === '' ? [] : [`${name}: ${wrong}`];
    }),
  );
  assert.deepEqual(found.flat(), []);
}

test('what could be cut in two ways is refused once, and its connection ended', async () => {
  await each(refused, async (bytes) => {
    const { answers, isOver } = await send(bytes);
    const isRight = answers.length === 1 && answers[0]?.status === 400 && isOver;
    return isRight ? '' : `${statusesOf(answers).join()}${isOver ? '' : ', and stays open'}`;
  });
});

test('a request in the body of another is never answered', async () => {
  await each(answeredOnce, async (bytes) => {
    const { answers } = await send(bytes);
    const isHidden = answers.some(({ text }) => text.includes(hiddenPath));
    const isRight = answers.length === 1 && (answers[0]?.status ?? 500) < 500 && !isHidden;
    return isRight ? '' : statusesOf(answers).join();
  });
});

test('requests one behind the other are answered in their order, before a refusal', async () => {
  await each(pipelined, async ([bytes, expected]) => {
    const { answers } = await send(bytes);
    const statuses = statusesOf(answers);
    return statuses.join() === expected.join() ? '' : statuses.join();
  });
});

test('versions that this server does not speak are refused', async () => {
  for (const version of ['0.9', '2.0']) {
    const { answers, isOver } = await send(`GET /healthz HTTP/${version}\r\nHost: a\r\n\r\n`);
    assert.deepEqual([statusesOf(answers), isOver], [[400], true], version);
  }
  const line = await openLine(shop.port);
  line.send('GET /healthz\r\n'); // HTTP/0.9: half a request, to this server
  line.socket.end();
  assert.deepEqual(statusesOf(await line.answers()), [400]);
  line.socket.destroy();
});

test('CONNECT opens no tunnel', async () => {
  const line = await openLine(shop.port);
  line.send('CONNECT evil.test:80 HTTP/1.1\r\nHost: evil.test:80\r\n\r\nGET / HTTP/1.1\r\n\r\n');
  assert.deepEqual(await line.answers(), []);
  line.socket.destroy();
});

test('a token in a trailer opens nothing', async () => {
  const { access } = await register(shop, 'viewer');
  const { answers } = await send(
    'POST /cart/ HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n' +
      'Transfer-Encoding: chunked\r\nTrailer: Authorization\r\n\r\n' +
      `2\r\n{}\r\n0\r\nAuthorization: Bearer ${access}\r\n\r\n`,
  );
  assert.deepEqual(statusesOf(answers), [401]);
});

test('an order is acknowledged even when nonsense follows it', async () => {
  const buyer = await register(shop, 'viewer');
  const { id } = await offer(shop, await register(shop, 'creator'), 10);
  const caller = shop as never;
  for (const nonsense of ['nonsense\r\n\r\n', 'GET / HTTP/1.1\r\nHost : a\r\n\r\n', '\0']) {
    await addToCart(caller, buyer, { product_id: id });
    const { answers } = await send(`${placeOrder(buyer)}${nonsense}`);
    assert.deepEqual(statusesOf(answers), [201, 400], JSON.stringify(nonsense));
  }
  await addToCart(caller, buyer, { product_id: id });
  const { answers } = await send(`${placeOrder(buyer, 'Connection: close\r\n')}more`);
  assert.deepEqual(statusesOf(answers), [201]);
  assert.equal((await ordersOf(caller, buyer)).length, 4);
});

const placeOrder = ({ access }: User, headers = ''): string =>
  `POST /place-order/ HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${access}\r\n${headers}\r\n`;

test('many offers of HTTP/2 on one connection leave nothing behind', async () => {
  const line = await openLine(shop.port);
  for (let count = 0; count < 50; count += 1) {
    line.send('GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n');
    assert.equal((await line.answer())?.status, 200);
  }
  line.socket.destroy();
});

test('the server is well after all of it', async () => {
  const { status } = await shop.call('GET /readyz');
  assert.deepEqual([status, shop.output().includes('Warning')], [200, false], shop.output());
});
