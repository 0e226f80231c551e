import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { cleanUp, type Exit, run } from '../program.ts';

after(cleanUp);

const commands = 'serve migrate seed operator seller user verify backup restore'.split(' ');

/** Refused as a mistake of the caller: in words, not with a stack trace. */
function isRefused({ code, stdout, stderr }: Exit, words: RegExp): void {
  assert.deepEqual([code, stdout], [2, ''], stderr);
  assert.match(stderr, words);
  assert.doesNotMatch(stderr, /^\s+at /m);
}

test('help names every command, however it is asked for', async () => {
  const asked = [[], ['--help'], ['help']];
  const answers = await Promise.all(asked.map((args) => run(args)));
  for (const { code, stdout, stderr } of answers) {
    assert.deepEqual([code, stderr], [0, '']);
    assert.equal(stdout, answers[0]?.stdout);
    const named = [...stdout.matchAll(/^ {2}(\w+) {2,}\S/gm)].map((match) => match[1]);
    assert.deepEqual(named, commands);
  }
});

test('each command explains itself and does nothing else', async () => {
  const answers = await Promise.all(commands.map((command) => run([command, '--help'])));
  for (const [index, { code, stdout, stderr }] of answers.entries()) {
    assert.deepEqual([code, stderr], [0, '']);
    assert.match(stdout, new RegExp(`^Usage: souk ${commands[index]}\\b`));
    assert.ok(stdout.split('\n').length > 3, stdout);
  }
  const deeper = await run(['operator', 'create', '-h']);
  assert.match(deeper.stdout, /^Usage: souk operator create <email>/);
});

test('an unknown command is refused with the list of those there are', async () => {
  for (const command of ['sevre', 'constructor']) {
    const refused = await run([command]);
    isRefused(refused, new RegExp(`^No command "${command}"\\.\n`));
    for (const known of commands) assert.match(refused.stderr, new RegExp(`^ {2}${known} `, 'm'));
  }
});

test('an unknown option or a word too many is named', async () => {
  isRefused(await run(['serve', '--wrokers', '2']), /'--wrokers'/);
  isRefused(await run(['migrate', 'now']), /'now'/);
  isRefused(await run(['seed', '-f']), /'-f'/);
  isRefused(await run(['verify', '--fix']), /'--fix'/);
  isRefused(await run(['operator', 'create', 'ann@example.com', '--admin']), /'--admin'/);
});

test('--workers takes a whole number from 1 to 64', async () => {
  for (const value of ['0', '65', '1.5']) {
    const words = /^--workers takes a whole number from 1 to 64\n$/;
    isRefused(await run(['serve', '--workers', value]), words);
  }
  isRefused(await run(['serve', '--workers']), /'--workers <value>' argument missing/);
});
