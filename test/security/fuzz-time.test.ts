import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bodyReader } from '../../src/features/classic/fields.ts';
import { parseFilters, parsePage } from '../../src/features/classic/queries.ts';
import { readProductId, readQuantity } from '../../src/features/classic/cart.ts';
import { accountSchemas } from '../../src/features/classic/schema-accounts.ts';
import { categorySchemas, productSchemas } from '../../src/features/classic/schema-catalog.ts';
import { readHandshake } from '../../src/features/classic/sockets.ts';
import { passwordFaults } from '../../src/features/accounts/passwords.ts';
import { refuseAmbiguous } from '../../src/kernel/http-framing.ts';
import { parseId } from '../../src/kernel/ids.ts';
import { parseNumber } from '../../src/kernel/inputs.ts';

// No reader of input takes long over a text, however it is made (ReDoS).

const boundMs = 50;
const attempts = 3; // the garbage collector may run in one of them
const size = 100_000;

const filled = (part: string): string => part.repeat(Math.ceil(size / part.length)).slice(0, size);

const parts = [' ', '\t', '\0', '\u0130', '\u0300'].concat(
  'a 1 0 . - @ a@ a. a- .a -. 1. 1e + % a@a. é 😀 aA1 1e1 " \' \\ [ { , _'.split(' '),
);

const texts: string[] = parts
  .map(filled)
  .flatMap((text) => [
    text,
    `${text}!`,
    `a@${text}`,
    `a@${text}!`,
    `${text}@a.b`,
    `a@a.${text}`,
    `1${text}e`,
    `+${text}1x`,
    `bearer ${text}x y`,
    ` ${text} `,
  ]);

const anyBody = (schema: object): ((text: string) => unknown) => {
  const read = bodyReader(schema);
  const names = Object.keys((schema as { properties: object }).properties);
  return (text) => read(Object.fromEntries(names.map((name) => [name, text])));
};

const products = productSchemas(2);
const { 'x-read-by-route': _, ...register } = accountSchemas.registerBody as object as Record<
  string,
  unknown
>;
const readers: Record<string, (text: string) => unknown> = {
  'a registration': anyBody(register),
  'a category': anyBody(categorySchemas.create.schema.body),
  'changes of a category': anyBody(categorySchemas.changes),
  'a product': anyBody(products.create.schema.body),
  'changes of a product': anyBody(products.changes),
  'a password': (text) => passwordFaults(text, 'strict'),
  'an id': parseId,
  'a number': parseNumber,
  'a product id': readProductId,
  'a quantity': readQuantity,
  'a page': (text) => parsePage({ page: text, page_size: text }),
  filters: (text) => {
    const names = ['category', 'price_min', 'price_max', 'in_stock', 'search', 'ordering'];
    return parseFilters(Object.fromEntries(names.map((name) => [name, text])), 100);
  },
  // Of an address and of headers no more than 16 KB get through.
  'a handshake': (all) => {
    const text = all.slice(0, 16_000);
    readHandshake({
      url: `/ws/notifications/${text}/?after=${text}&token=${text}`,
      headers: { authorization: text },
    } as never);
  },
  'the Host header': (text) =>
    refuseAmbiguous({ headers: { host: text }, httpVersion: '1.1', rawHeaders: [] } as never),
};

for (const [name, read] of Object.entries(readers)) {
  test(`${name} of 100 KB is read or refused in ${boundMs} ms`, (context) => {
    let worst = 0;
    for (const text of texts) {
      let ms = timeOf(read, text);
      for (let more = 1; ms > boundMs && more < attempts; more += 1) ms = timeOf(read, text);
      worst = Math.max(worst, ms);
      assert.ok(ms <= boundMs, `${ms.toFixed(0)} ms for ${JSON.stringify(text.slice(0, 20))}…`);
    }
    context.diagnostic(`${worst.toFixed(1)} ms at worst`);
  });
}

function timeOf(read: (text: string) => unknown, text: string): number {
  const began = process.cpuUsage(); // not the clock: the machine has other work
  try {
    read(text);
  } catch {
    // Refused: as good.
  }
  const { user, system } = process.cpuUsage(began);
  return (user + system) / 1_000;
}
