import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { BadBackup, type Header } from './format.ts';
import { readBackup } from './reader.ts';

const header: Header = {
  format: 'souk-backup',
  version: 1,
  souk: '0.1.0',
  takenAt: '2026-01-01T00:00:00.000Z',
  server: '18.4',
  migrations: [],
  about: {},
  tables: [
    { name: 'empty', columns: ['a'] },
    { name: 'words', columns: ['a', 'b'] },
    { name: 'last', columns: ['a'] },
  ],
  leftOut: [],
  sequences: [],
};
// What looks like the end of a table and is none: COPY doubles each backslash.
const words = '1\t\\\\.\n2\t\\N\n\\\\.\t\\n\\\\.\\n\n4\tÄpfel 🍏\n';
const rows = { empty: 0, words: 4, last: 1 };

function textOf(tables: string, counts: object = rows): string {
  const body = `${JSON.stringify(header)}\n${tables}`;
  const sha256 = createHash('sha256').update(body).digest('hex');
  return `${body}${JSON.stringify({ end: { rows: counts, sha256 } })}\n`;
}

const lastTable = '{"table":"last"}\nx\n\\.\n';
const tables = `{"table":"empty"}\n\\.\n{"table":"words"}\n${words}\\.\n${lastTable}`;
const whole = gzipSync(textOf(tables), { level: 9 });

async function* inPieces(bytes: Buffer, size: number): AsyncGenerator<Buffer, void> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

/** What a sink is given: the text of each table. */
async function read(bytes: Buffer, size = bytes.length): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  const content = await readBackup(inPieces(bytes, size), {
    header: async (given) => assert.deepEqual(given, header),
    async table({ name }, chunks) {
      let text = '';
      for await (const chunk of chunks) {
        assert.equal(chunk.at(-1), 10, 'a chunk is whole rows');
        text += chunk.toString();
      }
      found[name] = text;
    },
  });
  assert.deepEqual(content, { header, rows });
  return found;
}

const isBad = async (bytes: Buffer, words: RegExp, size?: number): Promise<void> => {
  const reading = readBackup(inPieces(bytes, size ?? bytes.length), {
    header: async () => undefined,
    async table(_table, chunks) {
      for await (const chunk of chunks) assert.ok(chunk.length > 0);
    },
  });
  await assert.rejects(reading, (error) => {
    assert.ok(error instanceof BadBackup, String(error));
    assert.match(error.message, words);
    return true;
  });
};

test('a backup is read the same in pieces of any size', async () => {
  for (const size of [1, 2, 3, 7, 64, whole.length]) {
    assert.deepEqual(await read(whole, size), { empty: '', words, last: 'x\n' });
  }
});

test('rows that come in pieces of any size are given as whole rows', async () => {
  // Stored, not compressed: the pieces of the file are those of the text.
  const stored = gzipSync(textOf(tables), { level: 0 });
  for (const size of [1, 2, 3, 5, 11]) {
    assert.deepEqual(await read(stored, size), { empty: '', words, last: 'x\n' });
  }
});

test('a backup that was cut off is refused, wherever it was cut', async () => {
  for (let length = 1; length < whole.length; length += 1) {
    await isBad(whole.subarray(0, length), /^is cut off|^is not a backup/);
  }
});

test('a backup with one bit that changed is refused, whichever byte it is in', async () => {
  for (let at = 0; at < whole.length; at += 1) {
    if (at >= 4 && at < 10) continue; // of gzip: its time, level and system, which nobody reads
    const damaged = Buffer.from(whole);
    damaged[at] = (damaged[at] ?? 0) ^ (1 << (at % 8));
    await isBad(damaged, /^is (?:damaged|cut off|not a backup)/);
  }
});

test('rows that are missing, added or in another place are refused', async () => {
  const counts = { ...rows, words: 5 };
  await isBad(gzipSync(textOf(tables, counts)), /^is damaged: its content is not what was/);
  const swapped = tables.replace('"empty"', '"words"');
  await isBad(gzipSync(textOf(swapped)), /^is damaged: the table empty is not where/);
  await isBad(gzipSync(textOf(tables).replace('Äpfel', 'Birne')), /^is damaged: its content/);
  await isBad(gzipSync(`${textOf(tables)}more`), /^is damaged: more follows its end/);
  await isBad(Buffer.concat([whole, whole]), /^is damaged: more follows its end/);
});

test('what is no backup is refused as such', async () => {
  const others = ['', 'hello', '{}\n', '[]\n', '{"format":"other"}\n', 'x'.repeat(3_000_000)];
  for (const text of others) {
    await isBad(gzipSync(text), /^is not a backup of Souk$/);
    if (text !== '') await isBad(Buffer.from(text), /^is not a backup of Souk$/, 65_536);
  }
  await isBad(Buffer.alloc(0), /^is not a backup of Souk|^is cut off/);
});

test('a backup of a newer format names the version that reads it', async () => {
  const newer = { ...header, version: 2, souk: '3.0.0' };
  const words = /^has format 2; this version of Souk reads up to 1\. .* Souk 3\.0\.0 or later$/;
  await isBad(gzipSync(`${JSON.stringify(newer)}\n`), words);
});
