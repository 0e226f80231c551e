import assert from 'node:assert/strict';

/** Secrets that are looked for wherever the program writes, each under a name to tell instead. */
export class Canaries {
  readonly #secrets = new Map<string, string>();

  /** Keeps a secret; it is long enough not to turn up by chance. */
  add(name: string, secret: string): void {
    assert.ok(secret.length >= 7, `${name} is too short to look for`);
    this.#secrets.set(name, secret);
  }

  /** Keeps the tokens of an answer: whole, and the part that makes each valid. */
  addTokens(name: string, body: object): void {
    for (const [kind, token] of Object.entries(body)) {
      if (!['access', 'refresh', 'ticket'].includes(kind)) continue;
      this.add(`the ${kind} of ${name}`, String(token));
      this.add(`the last part of the ${kind} of ${name}`, String(token).split('.').at(-1) ?? '');
    }
  }

  /** The names of the secrets that a text holds, and how they are written there. */
  findIn(text: string): string[] {
    const folded = text.toLowerCase();
    return [...this.#secrets].flatMap(([name, secret]) =>
      Object.entries(writtenAs(secret)).flatMap(([form, written]) => {
        const isIn = form === 'hex' || form === 'percent' ? folded : text;
        return written.some((one) => isIn.includes(one)) ? [`${name} (${form})`] : [];
      }),
    );
  }
}

/** The forms in which a secret may lie in a text. */
function writtenAs(secret: string): Record<string, string[]> {
  const bytes = Buffer.from(secret);
  const hex = bytes.toString('hex');
  const inBase64 = [0, 1, 2].map((offset) => {
    // In the middle of something longer it begins at any of three places of a letter.
    const whole = Buffer.concat([Buffer.alloc(offset), bytes]).toString('base64');
    return whole.slice(offset === 0 ? 0 : offset + 1, -4);
  });
  return {
    plain: [secret, JSON.stringify(secret).slice(1, -1)],
    base64: [...inBase64, ...inBase64.map((one) => one.replaceAll('+', '-').replaceAll('/', '_'))],
    hex: [hex, [...hex.matchAll(/../g)].join(':')],
    percent: [
      [...hex.matchAll(/../g)].map((pair) => `%${pair.join('')}`).join(''),
      ...(encodeURIComponent(secret) === secret ? [] : [encodeURIComponent(secret).toLowerCase()]),
    ],
    reversed: [[...secret].toReversed().join('')],
  };
}
