const decimal = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,4})?$/;

/** A finite number given as one or as text; undefined for anything else. */
export function parseNumber(raw: unknown): number | undefined {
  const isNumeric = typeof raw === 'string' && raw.length <= 100 && decimal.test(raw.trim());
  const number = isNumeric ? Number(raw) : raw;
  return typeof number === 'number' && Number.isFinite(number) ? number : undefined;
}

/** A query parameter as trimmed text, empty when it is missing; the last of a repeated one. */
export function queryText(query: unknown, name: string): string {
  const value = (query as Record<string, unknown>)[name];
  const last: unknown = Array.isArray(value) ? value.at(-1) : value;
  return typeof last === 'string' ? last.trim() : '';
}
