import { isIPv6 } from 'node:net';

/**
 * Whom an address stands for: an IPv6 network of 64 bits belongs to one customer, who has all its
 * addresses to choose from. Anything else stands for itself.
 */
export function networkOf(address: string): string {
  const [bare = ''] = address.split('%'); // fe80::1%eth0
  if (!isIPv6(bare)) return address;
  const mapped = /^::ffff:(\d+(?:\.\d+){3})$/i.exec(bare)?.[1]; // IPv4, on a socket that takes both
  if (mapped !== undefined) return mapped;
  return groupsOf(bare).slice(0, 4).join(':');
}

/** The eight groups of an IPv6 address, however it is shortened. */
function groupsOf(address: string): string[] {
  const canonical = new URL(`http://[${address}]`).hostname.slice(1, -1); // no dots, lower case
  const [head = [], tail = []] = canonical
    .split('::')
    .map((half) => half.split(':').filter((group) => group !== ''));
  const zeros = Array<string>(8 - head.length - tail.length).fill('0');
  return [...head, ...zeros, ...tail];
}
