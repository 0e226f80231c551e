/** A map bounded by the bytes its values say they take; the least recently used go first. */
export interface ByteCache<Value extends { bytes: number }> {
  get(key: string): Value | undefined;
  set(key: string, value: Value): void;
  delete(key: string): void;
  bytes(): number;
}

const entryOverhead = 200; // the key, the map entry and the object itself, roughly

export function openByteCache<Value extends { bytes: number }>(maxBytes: number): ByteCache<Value> {
  const entries = new Map<string, Value>(); // the first is the least recently used
  let total = 0;
  const remove = (key: string): void => {
    const entry = entries.get(key);
    if (entry === undefined) return;
    total -= entry.bytes + entryOverhead;
    entries.delete(key);
  };
  return {
    get(key) {
      const entry = entries.get(key);
      if (entry === undefined) return undefined;
      entries.delete(key);
      entries.set(key, entry);
      return entry;
    },
    set(key, value) {
      remove(key);
      entries.set(key, value);
      total += value.bytes + entryOverhead;
      while (total > maxBytes) remove(entries.keys().next().value as string);
    },
    delete: remove,
    bytes: () => total,
  };
}
