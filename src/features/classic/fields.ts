import type { TObject } from 'typebox';
import { HttpError } from '../../kernel/errors.ts';
import { parseId } from '../../kernel/ids.ts';
import { parseNumber } from '../../kernel/inputs.ts';
import { decimalsOf } from '../../kernel/money.ts';

/**
 * Reads bodies as the classic API did (Django REST Framework's serializers): every failing field
 * at once, numbers where text is asked and numeric text where a number is, unknown keys ignored.
 * The JSON Schema of a body drives it, so type, check and document are one object.
 */
export interface Field {
  type?: string;
  format?: string;
  enum?: string[];
  maxLength?: number;
  minimum?: number;
  maximum?: number;
  /** decimal places of a number */
  decimals?: number;
  /** `null` and the empty text are values too */
  nullable?: boolean;
  /** kept to the letter, spaces included */
  verbatim?: boolean;
}

export type FieldErrors = Record<string, string[]>;
type Checks = Record<string, (value: string) => string[]>;

class Fault extends Error {}
const fault = (message: string): Fault => new Fault(message);

/** Marks a body that its route reads by itself, where the classic API words errors its own way. */
export const readByRoute = { 'x-read-by-route': true } as const;

/** The reader of a route's bodies; throws HttpError 400 with what is wrong. */
export function bodyReader(schema: object): (body: unknown) => unknown {
  if ('x-read-by-route' in schema) return requireObject;
  return (body) => {
    const { value, errors } = collectFields(schema as TObject, body);
    refuseFaults(errors);
    return value;
  };
}

/** @throws HttpError 400 naming every failing field, when there is one */
export function refuseFaults(errors: FieldErrors): void {
  if (Object.keys(errors).length > 0) throw new HttpError(400, errors);
}

/**
 * Reads the fields of a schema from a body. `checks` are asked about texts that are fine so far.
 * @throws HttpError 400 when the body is not an object
 */
export function collectFields(
  schema: TObject,
  body: unknown,
  checks: Checks = {},
): { value: Record<string, unknown>; errors: FieldErrors } {
  const given = requireObject(body);
  const required = new Set<string>(schema.required ?? []);
  const value: Record<string, unknown> = {};
  const errors: FieldErrors = {};
  for (const [name, field] of Object.entries(schema.properties as Record<string, Field>)) {
    const raw = Object.hasOwn(given, name) ? given[name] : undefined;
    if (raw === undefined) {
      if (required.has(name)) errors[name] = ['This field is required.'];
      continue;
    }
    try {
      const read = readField(field, raw);
      value[name] = read;
      const faults = typeof read === 'string' ? checks[name]?.(read) : undefined;
      if (faults && faults.length > 0) errors[name] = faults;
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      errors[name] = [error.message];
    }
  }
  return { value, errors };
}

/** @throws HttpError 400 in the classic API's words */
function requireObject(body: unknown): Record<string, unknown> {
  if (body === undefined || body === null) return {};
  if (typeof body === 'object' && !Array.isArray(body)) return body as Record<string, unknown>;
  const kind = Array.isArray(body)
    ? 'list'
    : new Map([
        ['string', 'str'],
        ['boolean', 'bool'],
      ]).get(typeof body);
  const got = kind ?? (Number.isInteger(body) ? 'int' : 'float');
  const message = `Invalid data. Expected a dictionary, but got ${got}.`;
  throw new HttpError(400, { non_field_errors: [message] });
}

/** A value for an error message: short, and never walked into (it may be nested very deep). */
export function shown(value: unknown): string {
  if (Array.isArray(value)) return '[...]';
  if (typeof value === 'object' && value !== null) return '{...}';
  return String(value).slice(0, 100);
}

function readField(field: Field, raw: unknown): unknown {
  if (raw === null) {
    if (field.nullable) return null;
    throw fault('This field may not be null.');
  }
  if (field.enum) return readChoice(field.enum, raw);
  if (field.type === 'number' || field.type === 'integer') return readNumber(field, raw);
  if (field.format === 'uuid') return readId(raw);
  return readText(field, raw);
}

function readText(field: Field, raw: unknown): string | null {
  const isExact = typeof raw === 'number' && Math.abs(raw) <= Number.MAX_SAFE_INTEGER;
  // Of a larger number digits are lost by now, or all of it: "Infinity" is nobody's name.
  if (typeof raw !== 'string' && !isExact) throw fault('Not a valid string.');
  const text = field.verbatim ? String(raw) : String(raw).trim();
  if (text.includes('\0')) throw fault('Null characters are not allowed.');
  if (!text.isWellFormed()) throw fault('Not a valid string.');
  if (text === '') {
    if (field.nullable) return null;
    throw fault('This field may not be blank.');
  }
  if (field.maxLength !== undefined && isLonger(text, field.maxLength)) {
    throw fault(`Ensure this field has no more than ${field.maxLength} characters.`);
  }
  if (field.format === 'email' && !isEmail(text)) throw fault('Enter a valid email address.');
  return text;
}

/** Counts characters as PostgreSQL does, not UTF-16 units. */
function isLonger(text: string, max: number): boolean {
  // A character is one unit or two: a text of a megabyte need not be taken apart.
  return text.length > 2 * max || (text.length > max && [...text].length > max);
}

const mailbox = /^[\w.!#$%&'*+/=?^`{|}~-]+$/;
const domainLabel = /^[\p{L}\p{N}](?:[\p{L}\p{N}-]{0,61}[\p{L}\p{N}])?$/u;

function isEmail(text: string): boolean {
  const at = text.lastIndexOf('@');
  const local = text.slice(0, at);
  const labels = text.slice(at + 1).split('.');
  if (at < 1 || !mailbox.test(local) || /^\.|\.\.|\.$/.test(local)) return false;
  if (labels.length < 2 && labels[0] !== 'localhost') return false;
  return labels.every((label) => domainLabel.test(label));
}

function readChoice(choices: string[], raw: unknown): string {
  if (raw === '') throw fault('This field may not be blank.');
  const choice = typeof raw === 'string' ? choices.find((one) => one === raw.trim()) : undefined;
  if (choice !== undefined) return choice;
  throw fault(`"${shown(raw)}" is not a valid choice.`);
}

function readId(raw: unknown): string {
  const id = parseId(typeof raw === 'string' ? raw.trim() : raw);
  if (id === undefined) throw fault('Must be a valid UUID.');
  return id;
}

function readNumber(field: Field, raw: unknown): number {
  const number = parseNumber(raw);
  const isInteger = field.type === 'integer';
  if (number === undefined || (isInteger && !Number.isInteger(number))) {
    throw fault(isInteger ? 'A valid integer is required.' : 'A valid number is required.');
  }
  if (field.maximum !== undefined && number > field.maximum) {
    throw fault(`Ensure this value is less than or equal to ${field.maximum}.`);
  }
  if (field.minimum !== undefined && number < field.minimum) {
    throw fault(`Ensure this value is greater than or equal to ${field.minimum}.`);
  }
  if (field.decimals !== undefined && decimalsOf(number) > field.decimals) {
    throw fault(`Ensure that there are no more than ${field.decimals} decimal places.`);
  }
  return number === 0 ? 0 : number; // -0 is 0
}
