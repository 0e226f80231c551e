import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { projectRoot } from '../../src/kernel/root.ts';

/** What the shop binds to a statement. */
export type Value = string | number | boolean | Buffer | Date | null;

/** A statement that the shop sent, with the values of one time. */
export interface Sent {
  text: string;
  values: (Value | Value[])[];
}

const isStatement = /^\s*(?:SELECT|INSERT|UPDATE|DELETE|WITH)\b/;

/** Collects each statement that this process sends from now on, once. */
export function collectStatements(): Map<string, Sent> {
  const sent = new Map<string, Sent>();
  const { prototype } = pg.Client;
  const query = prototype.query as (...args: unknown[]) => unknown;
  const tapped = function (this: pg.Client, ...args: unknown[]): unknown {
    const { text, values = [] } = (args[0] ?? {}) as Partial<Sent>;
    if (text !== undefined && isStatement.test(text)) sent.set(text, { text, values });
    return query.apply(this, args);
  };
  prototype.query = tapped as typeof prototype.query;
  return sent;
}

/** A statement as the sources have it: its longest part between two values. */
export interface Written {
  file: string;
  part: string;
}

export const squeeze = (text: string): string => text.replaceAll(/\s+/g, ' ').trim();

/** All statements that are written in a folder of the sources. */
export function statementsWrittenIn(folder: string): Written[] {
  const files = readdirSync(join(projectRoot(), folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'))
    .map((name) => join(folder, name));
  return files.flatMap((file) => {
    return templatesOf(readFileSync(join(projectRoot(), file), 'utf8'))
      .filter((text) => isStatement.test(text))
      .map((text) => ({ file, part: longest(text.split(/\$\{[^}]*\}/).map(squeeze)) }));
  });
}

/** The texts of all templates of SQL, those within others too. */
function templatesOf(source: string): string[] {
  const innermost = /\bsql`((?:(?!sql`)[^`])*)`/;
  const texts: string[] = [];
  for (let rest = source; ; ) {
    const found = innermost.exec(rest);
    if (found === null) return texts;
    texts.push(found[1] ?? '');
    rest = rest.replace(found[0], () => 'seen');
  }
}

const longest = (parts: string[]): string =>
  parts.reduce((best, part) => (part.length > best.length ? part : best), '');

export const wasSent = ({ part }: Written, sent: Iterable<Sent>): boolean =>
  [...sent].some(({ text }) => squeeze(text).includes(part));
