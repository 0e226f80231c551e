import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { projectRoot } from '../../src/kernel/root.ts';

// docs/asvs.md makes claims: they are complete, they add up, and what they name is there.

const root = projectRoot();
const text = readFileSync(join(root, 'docs/asvs.md'), 'utf8');
const unpadded = text.replaceAll(/ +/g, ' ');

interface Claim {
  level: number;
  numbers: string[];
  state: string;
  files: string[];
}

const claims: Claim[] = text.split(/^## Level /m).flatMap((section, level) =>
  [...section.matchAll(/^\| ([\d. ]+?) +\| (\S+) +\|([^|]*)\|([^|]*)\|$/gm)].flatMap(
    ([, numbers = '', state = '', , where = '']) =>
      level === 0
        ? []
        : [
            {
              level,
              numbers: numbers.split(' '),
              state,
              files: [...where.matchAll(/`([^`]+)`/g)].map(([, file = '']) => file),
            },
          ],
  ),
);

type Counts = [met: number, partly: number, gap: number, absent: number];

/** How many requirements of each level ASVS 5.0.0 has in its chapters 1 to 17. */
const perChapter: Record<number, number[]> = {
  1: [8, 4, 8, 2, 4, 13, 6, 4, 4, 5, 3, 3, 1, 2, 3, 0, 0],
  2: [19, 7, 11, 8, 5, 22, 12, 3, 3, 24, 11, 6, 12, 7, 10, 16, 7],
};

test('each requirement of levels 1 and 2 is there once', () => {
  const all = claims.flatMap(({ numbers }) => numbers);
  assert.equal(new Set(all).size, all.length);
  for (const level of [1, 2]) {
    const numbers = claims.filter((one) => one.level === level).flatMap((one) => one.numbers);
    const chapters = Array.from({ length: 17 }, (_, index) => {
      const chapter = `${index + 1}.`;
      return numbers.filter((number) => number.startsWith(chapter)).length;
    });
    assert.deepEqual(chapters, perChapter[level], `level ${level}`);
  }
});

test('the summary says what the rows add up to', () => {
  for (const level of [1, 2]) {
    const count = (state?: string): number =>
      claims
        .filter((one) => one.level === level && (state ?? one.state) === one.state)
        .reduce((sum, { numbers }) => sum + numbers.length, 0);
    const [met, partly, gap, absent] = ['met', 'partly', 'gap', 'n/a'].map(count) as Counts;
    const apply = count() - absent;
    assert.equal(met + partly + gap, apply, 'there is no other state');
    const share = Math.round((met / apply) * 100);
    const row = [level, count(), absent, apply, met, partly, gap, `${share} %`].join(' | ');
    assert.ok(unpadded.includes(`| ${row} |`), row);
  }
});

test('whatever is met names what shows it, and what is named is there', () => {
  for (const { numbers, state, files } of claims) {
    if (state === 'met' || state === 'partly') assert.ok(files.length > 0, numbers.join(' '));
    for (const file of files) assert.ok(existsSync(join(root, file)), file);
  }
});

test('no code is made of text', () => {
  const files = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' });
  const sources = files.filter((file) => file.endsWith('.ts'));
  assert.ok(sources.length > 50);
  for (const file of sources) {
    const source = readFileSync(join(root, 'src', file), 'utf8');
    assert.doesNotMatch(source, /\beval\(|new Function\(|node:vm/, file);
  }
});
