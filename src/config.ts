import { existsSync } from 'node:fs';
import { isIP } from 'node:net';
import { resolve } from 'node:path';
import { OperatorError } from './kernel/errors.ts';
import { type Failpoint, failpointNames } from './kernel/failpoints.ts';
import { type Currency, currencyOf } from './kernel/money.ts';

/** Everything that can be set from outside; read once, frozen. `.env.example` explains each. */
export interface Config {
  port: number;
  host: string;
  dataDir: string;
  databaseUrl: string | undefined;
  redisUrl: string | undefined;
  /** undefined: one is made and kept under `dataDir` (embedded database only) */
  jwtSecret: string | undefined;
  accessTokenMinutes: number;
  refreshTokenHours: number;
  currency: Currency;
  demoData: boolean;
  sellerSignup: 'open' | 'closed';
  passwordRules: 'strict' | 'classic';
  rateLimits: boolean;
  corsOrigins: string[];
  trustProxy: boolean | number | string[];
  logLevel: 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace' | 'silent';
  /** kills this process at a place of checkout, for the proofs of recovery */
  failpoint: Failpoint | undefined;
  /** this process is one of the workers of `serve --workers` */
  isWorker: boolean;
}

type Environment = Record<string, string | undefined>;

/** Reads `.env` of the working folder (the environment wins over it), then the environment. */
export function loadConfig(): Config {
  if (existsSync('.env')) process.loadEnvFile('.env');
  return parseConfig(process.env);
}

/** @throws OperatorError listing every mistake at once */
export function parseConfig(env: Environment): Config {
  const mistakes: string[] = [];
  const read = readers(env, mistakes);
  const databaseUrl = read.url('DATABASE_URL', ['postgres:', 'postgresql:']);
  const config: Config = {
    port: read.integer('PORT', 8000, 0, 65_535),
    host: read.text('HOST') ?? '127.0.0.1',
    dataDir: resolve(read.text('DATA_DIR') ?? 'data'),
    databaseUrl,
    redisUrl: read.url('REDIS_URL', ['redis:', 'rediss:']),
    jwtSecret: read.text('JWT_SECRET'),
    accessTokenMinutes: read.integer('ACCESS_TOKEN_MINUTES', 60, 1, 10_080),
    refreshTokenHours: read.integer('REFRESH_TOKEN_HOURS', 24, 1, 8_760),
    currency: read.currency(),
    demoData: read.choice('DEMO_DATA', ['on', 'off'], databaseUrl ? 'off' : 'on') === 'on',
    sellerSignup: read.choice('SELLER_SIGNUP', ['open', 'closed'], 'open'),
    passwordRules: read.choice('PASSWORD_RULES', ['strict', 'classic'], 'strict'),
    rateLimits: read.choice('RATE_LIMITS', ['on', 'off'], 'on') === 'on',
    corsOrigins: readOrigins(read.text('CORS_ORIGINS') ?? '', mistakes),
    trustProxy: readTrustProxy(read.text('TRUST_PROXY'), mistakes),
    logLevel: read.choice(
      'LOG_LEVEL',
      ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'],
      'info',
    ),
    failpoint: readFailpoint(read.text('FAILPOINT'), mistakes),
    isWorker: env['SOUK_WORKER'] === '1',
  };
  if (config.jwtSecret === undefined && databaseUrl !== undefined) {
    mistakes.push('JWT_SECRET is required with DATABASE_URL (try: openssl rand -base64 48)');
  }
  if (config.jwtSecret !== undefined && Buffer.byteLength(config.jwtSecret) < 32) {
    mistakes.push('JWT_SECRET must have at least 32 bytes (try: openssl rand -base64 48)');
  }
  if (mistakes.length > 0) {
    throw new OperatorError(`The configuration has mistakes:\n  - ${mistakes.join('\n  - ')}`);
  }
  return Object.freeze(config);
}

function readers(env: Environment, mistakes: string[]) {
  const text = (name: string): string | undefined => env[name]?.trim() || undefined;
  return {
    text,
    integer(name: string, fallback: number, min: number, max: number): number {
      const value = text(name);
      if (value === undefined) return fallback;
      const number = /^\d{1,9}$/.test(value) ? Number(value) : Number.NaN;
      if (number >= min && number <= max) return number;
      mistakes.push(`${name} must be a whole number from ${min} to ${max}, not "${value}"`);
      return fallback;
    },
    choice<Choice extends string>(name: string, choices: Choice[], fallback: Choice): Choice {
      const value = text(name);
      if (value === undefined) return fallback;
      const found = choices.find((choice) => choice === value.toLowerCase());
      if (found === undefined) {
        mistakes.push(`${name} must be one of ${choices.join(', ')}, not "${value}"`);
      }
      return found ?? fallback;
    },
    url(name: string, protocols: string[]): string | undefined {
      const value = text(name);
      if (value === undefined) return undefined;
      // The URL may hold a password: never show it.
      const isKnown = protocols.some((protocol) => value.startsWith(`${protocol}//`));
      // PostgreSQL URLs may leave out the host, for a socket folder: postgres://user@/db?host=/run
      if (!isKnown || !URL.canParse(value.replace(/(@|:\/\/)\//, '$1localhost/'))) {
        mistakes.push(`${name} must be a valid URL that starts with ${protocols[0]}//`);
      }
      return value;
    },
    currency(): Currency {
      const code = text('CURRENCY') ?? 'USD';
      try {
        return currencyOf(code);
      } catch {
        mistakes.push(`CURRENCY must be an ISO 4217 code such as USD or EUR, not "${code}"`);
        return currencyOf('USD');
      }
    },
  };
}

function readOrigins(text: string, mistakes: string[]): string[] {
  const values = text.split(',').map((value) => value.trim());
  const origins = values.filter((value) => value !== '');
  for (const origin of origins) {
    if (!URL.canParse(origin) || new URL(origin).origin !== origin) {
      mistakes.push(
        'CORS_ORIGINS takes origins such as https://shop.example, comma separated, ' +
          `not "${origin}"`,
      );
    }
  }
  return origins;
}

function readFailpoint(text: string | undefined, mistakes: string[]): Failpoint | undefined {
  if (text === undefined) return undefined;
  const [given, passage = '1', ...more] = text.split(':');
  const name = failpointNames.find((one) => one === given);
  if (name && /^[1-9]\d{0,8}$/.test(passage) && more.length === 0) {
    return { name, passage: Number(passage) };
  }
  mistakes.push(`FAILPOINT takes name:passage, of ${failpointNames.join(', ')}, not "${text}"`);
  return undefined;
}

const proxyNames = ['loopback', 'linklocal', 'uniquelocal'];

/** An address, with or without the bits of its network: 10.0.0.0/8. */
function isProxyAddress(text: string): boolean {
  const [address = '', bits, ...more] = text.split('/');
  const version = isIP(address);
  if (version === 0 || more.length > 0) return proxyNames.includes(text);
  if (bits === undefined) return true;
  return /^\d{1,3}$/.test(bits) && Number(bits) <= (version === 4 ? 32 : 128);
}

function readTrustProxy(text: string | undefined, mistakes: string[]): Config['trustProxy'] {
  if (text === undefined || text === 'false' || text === 'off') return false;
  if (/^\d{1,2}$/.test(text)) return Number(text);
  const addresses = text.split(',').map((address) => address.trim());
  if (!addresses.every(isProxyAddress)) {
    mistakes.push(
      'TRUST_PROXY must be off, the number of proxies in front, or their addresses ' +
        `(10.0.0.0/8,loopback), not "${text}"`,
    );
  }
  return addresses;
}
