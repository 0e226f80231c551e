import { Type } from 'typebox';

/** `{"error": "..."}`: what the classic views answer. */
export const errorShape = (example: string, description?: string) =>
  Type.Object({ error: Type.String({ examples: [example] }) }, description ? { description } : {});

/** `{"detail": "..."}`: what the framework answers. */
export const detailShape = (example: string, options: Record<string, unknown> = {}) =>
  Type.Object({ detail: Type.String({ examples: [example] }) }, options);

const header = (type: string, description: string) => ({ type, description });
const retryAfter = { 'Retry-After': header('integer', 'seconds until it makes sense to repeat') };

const usual = {
  304: Type.Null({ description: 'As it was under the tag of If-None-Match' }),
  400: Type.Object(
    {},
    {
      additionalProperties: Type.Array(Type.String()),
      description: 'The failing fields, each with its messages',
      examples: [{ name: ['This field is required.'] }],
    },
  ),
  401: detailShape('Authentication credentials were not provided.', {
    description: 'No access token, or one that is bad, expired or of an ended session',
    headers: { 'WWW-Authenticate': header('string', 'Bearer realm="api"') },
  }),
  403: detailShape('You do not have permission to perform this action.', {
    description: 'Not for the role of this account',
  }),
  429: detailShape('Request was throttled. Expected available in 55 seconds.', {
    description: 'Too many attempts',
    headers: {
      ...retryAfter,
      'RateLimit-Limit': header('integer', 'attempts allowed in the window'),
      'RateLimit-Remaining': header('integer', 'attempts left'),
      'RateLimit-Reset': header('integer', 'seconds until the window ends'),
    },
  }),
  503: detailShape('The database is not available just now. Try again in a moment.', {
    description: 'Not available just now',
    headers: retryAfter,
  }),
};

/** The usual other answers of a route, 503 always among them. */
export function answers(...statuses: (keyof typeof usual)[]) {
  const chosen = Object.entries(usual).filter(([status]) =>
    [...statuses, 503].includes(Number(status)),
  );
  return Object.fromEntries(chosen);
}
