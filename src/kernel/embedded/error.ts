import { OperatorError } from '../errors.ts';

/** A database that cannot be opened; the message tells the user what is wrong and what to do. */
export class EmbeddedPostgresError extends OperatorError {
  override name = 'EmbeddedPostgresError';
}
