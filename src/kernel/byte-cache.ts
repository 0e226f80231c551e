const entryOverhead = 200; // the key, the map entry and the object itself, roughly

/** A map bounded by the bytes its values say they take; the least recently used go first. */
export class ByteCache<Value extends { bytes: number }> {
  readonly #maxBytes: number;
  readonly #entries = new Map<string, Value>(); // the first is the least recently used
  #total = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get bytes(): number {
    return this.#total;
  }

  get(key: string): Value | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    return entry;
  }

  /** Without counting as a use. */
  peek(key: string): Value | undefined {
    return this.#entries.get(key);
  }

  set(key: string, value: Value): void {
    this.delete(key);
    this.#entries.set(key, value);
    this.#total += value.bytes + entryOverhead;
    for (const eldest of this.#entries.keys()) {
      if (this.#total <= this.#maxBytes) break;
      this.delete(eldest);
    }
  }

  delete(key: string): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    this.#total -= entry.bytes + entryOverhead;
    this.#entries.delete(key);
  }
}
