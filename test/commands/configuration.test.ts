import assert from 'node:assert/strict';
import { existsSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { databaseGone, newDataDir, newDatabase, newFolder } from '../program-data.ts';
import { cleanUp, freePort, run, serve } from '../program.ts';

after(cleanUp);

const commands = [['serve'], ['operator', 'create', 'ann@example.com']];

test('every mistake of the configuration is told at once, and nothing is started', async () => {
  const wrong = {
    DATA_DIR: newDataDir(),
    PORT: '80000',
    CURRENCY: 'dollars',
    LOG_LEVEL: 'loud',
    CORS_ORIGINS: 'shop.example',
    REDIS_URL: 'http://:canary@localhost',
  };
  for (const command of commands) {
    const { code, stdout, stderr } = await run(command, wrong);
    assert.deepEqual([code, stdout], [2, ''], stderr);
    const names = [...stderr.matchAll(/^ {2}- ([A-Z_]+) /gm)].map((match) => match[1]);
    assert.deepEqual(names, ['PORT', 'REDIS_URL', 'CURRENCY', 'CORS_ORIGINS', 'LOG_LEVEL']);
    assert.doesNotMatch(stderr, /canary|^\s+at /m);
  }
  assert.equal(existsSync(wrong.DATA_DIR), false);
});

test('a .env file of the working folder is read, and the environment wins over it', async () => {
  const cwd = newFolder();
  writeFileSync(join(cwd, '.env'), 'PORT=80000\nCURRENCY=dollars\nDATA_DIR=here\n');
  const { code, stderr } = await run(['verify'], { PORT: '8000' }, { cwd });
  assert.equal(code, 2);
  assert.match(stderr, /CURRENCY/);
  assert.doesNotMatch(stderr, /PORT/);
  assert.equal(existsSync(join(cwd, 'here')), false);
});

test('a database that cannot be used is explained without its password', async () => {
  const { DATABASE_URL, JWT_SECRET } = await newDatabase();
  const missing = DATABASE_URL.replace(/\/[^/?]+(\?|$)/, '/nowhere$1');
  const stranger = DATABASE_URL.replace(/:\/\/.*?@/, '://souk:canary@');
  for (const [url, words] of [
    [missing, /^Cannot use the database: .*"nowhere" does not exist.* Check DATABASE_URL\.\n$/],
    [
      stranger,
      /^Cannot use the database: password authentication failed.* Check DATABASE_URL\.\n$/,
    ],
  ] as const) {
    const { code, stdout, stderr } = await run(['migrate'], { DATABASE_URL: url, JWT_SECRET });
    assert.deepEqual([code, stdout], [2, '']);
    assert.match(stderr, words);
    assert.doesNotMatch(stderr, /canary/);
  }
});

test('a shop keeps the currency it began with', async () => {
  const settings = await newDatabase();
  assert.equal((await run(['migrate'], { ...settings, CURRENCY: 'EUR' })).code, 0);
  const { code, stdout, stderr } = await run(['serve'], { ...settings, CURRENCY: 'JPY' });
  assert.deepEqual([code, stdout], [2, '']);
  assert.match(stderr, /^This shop keeps its money in EUR, but CURRENCY is JPY\. Set CURRENCY=EUR/);
  assert.equal((await run(['verify'], { ...settings, CURRENCY: 'EUR' })).code, 0);
});

for (const args of [['serve'], ['serve', '--workers', '2']]) {
  const command = args.join(' ');
  test(`a port that is taken is told, and ${command} leaves nothing running`, async () => {
    const holder = createServer().listen(0, '127.0.0.1');
    await once(holder, 'listening');
    const address = holder.address();
    const port = typeof address === 'object' ? String(address?.port) : '';
    const settings = { DATA_DIR: newDataDir(), DEMO_DATA: 'off', PORT: port };
    const { code, stdout, stderr } = await run(args, settings);
    holder.close();
    assert.deepEqual([code, stdout], [2, ''], stderr);
    const [told] = stderr.split('\n'); // each worker says it, then the primary that it ends
    assert.equal(
      told,
      `Cannot listen on 127.0.0.1:${port}: the port is taken. Stop what uses it, or set PORT to ` +
        'a free one.',
    );
    await databaseGone(settings.DATA_DIR, 0);
  });
}

test('two shops on one data folder share its database, each on a port of its own', async () => {
  const settings = { DATA_DIR: newDataDir() };
  const first = await serve(settings);
  const second = await serve({ ...settings, PORT: String(await freePort()) });
  const { email, password } = { email: 'ann@example.com', password: 'a long password' };
  const account = { email, password, user_type: 'viewer' };
  assert.equal((await first.call('POST /auth/register-user/', { body: account })).status, 201);
  const login = { body: { email, password } };
  assert.equal((await second.call('POST /auth/login/', login)).status, 200);
});
