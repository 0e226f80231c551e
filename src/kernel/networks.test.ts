import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { networkOf } from './networks.ts';

test('an IPv4 address stands for itself, also as IPv6 writes it', () => {
  assert.equal(networkOf('192.0.2.7'), '192.0.2.7');
  assert.equal(networkOf('::ffff:192.0.2.7'), '192.0.2.7');
  assert.equal(networkOf('::FFFF:192.0.2.7'), '192.0.2.7');
});

test('an IPv6 address stands for its first 64 bits, however it is written', () => {
  const cases: [address: string, network: string][] = [
    ['2001:db8::1', '2001:db8:0:0'],
    ['2001:db8::a:b:c:d', '2001:db8:0:0'],
    ['2001:DB8:0:0:ffff:ffff:ffff:ffff', '2001:db8:0:0'],
    ['2001:db8:1::5', '2001:db8:1:0'],
    ['2001:db8:0:1::5', '2001:db8:0:1'],
    ['2001:0db8:0000:0001:1:2:3:4', '2001:db8:0:1'],
    ['1:2:3:4:5:6:7::', '1:2:3:4'],
    ['::1', '0:0:0:0'],
    ['::ffff:1', '0:0:0:0'],
    ['::', '0:0:0:0'],
    ['fe80::1%eth0', 'fe80:0:0:0'],
    ['64:ff9b::192.0.2.7', '64:ff9b:0:0'],
    ['a::b:c:d:e:192.0.2.7', 'a:0:b:c'],
  ];
  for (const [address, network] of cases) assert.equal(networkOf(address), network, address);
});

test('what is no address stands for itself', () => {
  for (const text of ['', 'unknown', 'x:y', '2001:db8::g', '1.2.3']) {
    assert.equal(networkOf(text), text);
  }
});

test('all addresses of a network stand for the same, and of no other', () => {
  const groups = fc.array(fc.constantFrom('0', '0', '1', 'db8', 'ffff'), {
    minLength: 4,
    maxLength: 4,
  });
  fc.assert(
    fc.property(groups, groups, groups, (network, one, other) => {
      const [a, b] = [one, other].map((host) => [...network, ...host].join(':'));
      const short = new URL(`http://[${b}]`).hostname.slice(1, -1);
      assert.equal(networkOf(String(a)), network.join(':'));
      assert.equal(networkOf(short), network.join(':'));
    }),
  );
});
