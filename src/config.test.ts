import assert from 'node:assert/strict';
import { resolve } from 'node:path';
import { test } from 'node:test';
import { type Config, parseConfig } from './config.ts';
import { OperatorError } from './kernel/errors.ts';

const secret = 'x'.repeat(32);
const postgres = 'postgres://souk:canary@db.example:5432/souk';

/** What `parseConfig` complains about, a line for each mistake. */
function mistakesIn(env: Record<string, string>): string[] {
  try {
    parseConfig(env);
  } catch (error) {
    assert.ok(error instanceof OperatorError, String(error));
    const [title, ...lines] = error.message.split('\n');
    assert.equal(title, 'The configuration has mistakes:');
    return lines.map((line) => line.replace('  - ', ''));
  }
  return [];
}

test('without any setting a shop with demo data opens on this machine alone', () => {
  const config = parseConfig({});
  const { currency, ...others } = config;
  assert.equal(currency.code, 'USD');
  assert.deepEqual(others, {
    port: 8000,
    host: '127.0.0.1',
    dataDir: resolve('data'),
    databaseUrl: undefined,
    redisUrl: undefined,
    jwtSecret: undefined,
    accessTokenMinutes: 60,
    refreshTokenHours: 24,
    demoData: true,
    sellerSignup: 'open',
    passwordRules: 'strict',
    rateLimits: true,
    corsOrigins: [],
    trustProxy: false,
    logLevel: 'info',
    failpoint: undefined,
    isWorker: false,
  });
  assert.ok(Object.isFrozen(config));
  assert.equal(parseConfig({ DATABASE_URL: postgres, JWT_SECRET: secret }).demoData, false);
});

const good: [name: string, value: string, key: keyof Config, read: unknown][] = [
  ['PORT', '0', 'port', 0],
  ['PORT', '65535', 'port', 65_535],
  ['PORT', ' 8080 ', 'port', 8080],
  ['PORT', '', 'port', 8000],
  ['PORT', '   ', 'port', 8000],
  ['HOST', '0.0.0.0', 'host', '0.0.0.0'],
  ['HOST', '::', 'host', '::'],
  ['DATA_DIR', '/srv/souk', 'dataDir', '/srv/souk'],
  ['DATA_DIR', 'here', 'dataDir', resolve('here')],
  ['REDIS_URL', 'redis://:pass@cache:6379/1', 'redisUrl', 'redis://:pass@cache:6379/1'],
  ['REDIS_URL', 'rediss://cache', 'redisUrl', 'rediss://cache'],
  ['JWT_SECRET', secret, 'jwtSecret', secret],
  ['JWT_SECRET', 'é'.repeat(16), 'jwtSecret', 'é'.repeat(16)],
  ['ACCESS_TOKEN_MINUTES', '1', 'accessTokenMinutes', 1],
  ['ACCESS_TOKEN_MINUTES', '10080', 'accessTokenMinutes', 10_080],
  ['REFRESH_TOKEN_HOURS', '8760', 'refreshTokenHours', 8760],
  ['DEMO_DATA', 'off', 'demoData', false],
  ['DEMO_DATA', 'ON', 'demoData', true],
  ['SELLER_SIGNUP', 'closed', 'sellerSignup', 'closed'],
  ['PASSWORD_RULES', 'classic', 'passwordRules', 'classic'],
  ['RATE_LIMITS', 'off', 'rateLimits', false],
  ['CORS_ORIGINS', 'https://a.example', 'corsOrigins', ['https://a.example']],
  [
    'CORS_ORIGINS',
    'https://a.example, http://localhost:3000,',
    'corsOrigins',
    ['https://a.example', 'http://localhost:3000'],
  ],
  ['TRUST_PROXY', 'off', 'trustProxy', false],
  ['TRUST_PROXY', 'false', 'trustProxy', false],
  ['TRUST_PROXY', '2', 'trustProxy', 2],
  ['TRUST_PROXY', 'loopback', 'trustProxy', ['loopback']],
  ['TRUST_PROXY', '10.0.0.0/8, ::1', 'trustProxy', ['10.0.0.0/8', '::1']],
  ['LOG_LEVEL', 'TRACE', 'logLevel', 'trace'],
  ['LOG_LEVEL', 'silent', 'logLevel', 'silent'],
  ['FAILPOINT', 'after-key', 'failpoint', { name: 'after-key', passage: 1 }],
  ['FAILPOINT', 'before-commit:20', 'failpoint', { name: 'before-commit', passage: 20 }],
  ['SOUK_WORKER', '1', 'isWorker', true],
];

for (const [name, value, key, read] of good) {
  test(`${name}="${value}" is read`, () => {
    assert.deepEqual(parseConfig({ [name]: value })[key], read);
  });
}

for (const url of [postgres, 'postgresql://localhost/souk', 'postgres://u:p@/souk?host=/run/pg']) {
  test(`DATABASE_URL=${url} is read`, () => {
    assert.equal(parseConfig({ DATABASE_URL: url, JWT_SECRET: secret }).databaseUrl, url);
  });
}

const bad: [name: string, values: string[]][] = [
  ['PORT', ['-1', '65536', '80.5', '0x50', '1e3', 'http', '8000 1']],
  ['REDIS_URL', ['cache:6379', 'http://cache', 'redis:cache', 'redis://:canary@cache:99999']],
  ['JWT_SECRET', ['short', 'x'.repeat(31)]],
  ['ACCESS_TOKEN_MINUTES', ['0', '10081', '-5', '1.5', '1h']],
  ['REFRESH_TOKEN_HOURS', ['0', '8761', 'day']],
  ['CURRENCY', ['dollars', 'US', 'usd', 'XYZ']],
  ['DEMO_DATA', ['yes', '1', 'true']],
  ['SELLER_SIGNUP', ['on', 'no']],
  ['PASSWORD_RULES', ['none']],
  ['RATE_LIMITS', ['0', 'no']],
  ['CORS_ORIGINS', ['*', 'shop.example', 'https://shop.example/', 'https://shop.example/app']],
  ['TRUST_PROXY', ['true', 'yes', 'proxy.example', '999', '1.2.3', 'abc', '10.0.0.0/33', ',']],
  ['LOG_LEVEL', ['loud', '30']],
  ['FAILPOINT', ['anywhere', 'after-key:0', 'after-key:x', 'after-key:1:2', ':1']],
];

for (const [name, values] of bad) {
  for (const value of values) {
    test(`${name}="${value}" is refused`, () => {
      const mistakes = mistakesIn({ [name]: value });
      assert.equal(mistakes.length, 1, mistakes.join('\n'));
      assert.ok(mistakes[0]?.startsWith(`${name} `), mistakes[0]);
    });
  }
}

test('a URL that cannot be one is refused without being shown', () => {
  for (const url of [
    'mysql://souk:canary@db.example/souk',
    'postgres:souk:canary@db.example',
    'postgres://souk:canary@db.example:99999/souk',
    'souk:canary@db.example',
  ]) {
    const mistakes = mistakesIn({ DATABASE_URL: url, JWT_SECRET: secret });
    assert.deepEqual(mistakes, ['DATABASE_URL must be a valid URL that starts with postgres://']);
  }
  const mistakes = mistakesIn({ REDIS_URL: 'http://:canary@cache' });
  assert.deepEqual(mistakes, ['REDIS_URL must be a valid URL that starts with redis://']);
});

test('a database of its own needs a secret of its own', () => {
  const mistakes = mistakesIn({ DATABASE_URL: postgres });
  assert.equal(mistakes.length, 1);
  assert.match(mistakes[0] ?? '', /^JWT_SECRET is required with DATABASE_URL/);
});

test('all mistakes are told at once', () => {
  const env = Object.fromEntries(bad.map(([name, [value]]) => [name, value ?? '']));
  const names = mistakesIn({ ...env, DATABASE_URL: 'mysql://db' }).map((one) => one.split(' ')[0]);
  assert.deepEqual(new Set(names), new Set(['DATABASE_URL', ...bad.map(([name]) => name)]));
  assert.equal(names.length, bad.length + 1);
});
