import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { projectRoot } from '../src/kernel/root.ts';

// `npm run planted-bugs` makes each of these changes in a copy and expects a red test.

interface PlantedBug {
  name: string;
  file: string;
  from: string;
  to: string;
  caughtBy: string[];
}

const root = projectRoot();
const list = readFileSync(join(root, 'scripts/planted-bugs.json'), 'utf8');
const bugs = JSON.parse(list) as PlantedBug[];

test('every planted bug still fits the sources, at one place', () => {
  const lost = bugs.flatMap(({ name, file, from }) => {
    const places = readFileSync(join(root, file), 'utf8').split(from).length - 1;
    return places === 1 ? [] : [`${name}: ${places} places in ${file}`];
  });
  assert.deepEqual(lost, [], 'say in scripts/planted-bugs.json how the bug looks now');
});

test('every planted bug has a name of its own and tests that are there', () => {
  assert.ok(bugs.length >= 30);
  assert.equal(new Set(bugs.map(({ name }) => name)).size, bugs.length);
  for (const { from, to, caughtBy } of bugs) {
    assert.notEqual(from, to);
    assert.ok(caughtBy.length > 0);
    for (const file of caughtBy) assert.ok(existsSync(join(root, file)), file);
  }
});
