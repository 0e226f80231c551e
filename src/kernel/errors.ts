type Kind = 'invalid' | 'not_found' | 'conflict' | 'mismatch' | 'unavailable';

/**
 * What a verb throws when it refuses. It knows nothing of HTTP: one place (kernel/http-errors.ts)
 * turns the kind into a status. The message is written for the client and safe to show.
 */
export class Refusal extends Error {
  readonly kind: Kind;
  constructor(kind: Kind, message: string) {
    super(message);
    this.name = 'Refusal';
    this.kind = kind;
  }
}

export const invalid = (message: string): Refusal => new Refusal('invalid', message);
export const notFound = (message: string): Refusal => new Refusal('not_found', message);
export const conflict = (message: string): Refusal => new Refusal('conflict', message);

/** The system cannot serve now; what was asked may or may not have happened. Has a Retry-After. */
export class Unavailable extends Refusal {
  readonly retryAfterSeconds: number;
  constructor(message: string, retryAfterSeconds = 1) {
    super('unavailable', message);
    this.retryAfterSeconds = retryAfterSeconds;
  }
}

/** An answer decided at the edge (authentication, body reading), with its exact body. */
export class HttpError extends Error {
  readonly status: number;
  readonly body: object;
  readonly headers: Record<string, string>;
  constructor(status: number, body: object, headers: Record<string, string> = {}) {
    super(JSON.stringify(body));
    this.name = 'HttpError';
    this.status = status;
    this.body = body;
    this.headers = headers;
  }
}

/** A mistake of whoever runs the program: shown without a stack, exit code 2. */
export class OperatorError extends Error {
  override name = 'OperatorError';
}
