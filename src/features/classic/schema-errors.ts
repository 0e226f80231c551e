import { Type } from 'typebox';

/** `{"error": "..."}`: what the classic views answer. */
export const errorShape = (example: string) =>
  Type.Object({ error: Type.String({ examples: [example] }) });

/** `{"detail": "..."}`: what the framework answers. */
const detailShape = (example: string) =>
  Type.Object({ detail: Type.String({ examples: [example] }) });

const usual = {
  400: Type.Object(
    {},
    {
      additionalProperties: Type.Array(Type.String()),
      description: 'The failing fields, each with its messages',
      examples: [{ name: ['This field is required.'] }],
    },
  ),
  401: detailShape('Authentication credentials were not provided.'),
  403: detailShape('You do not have permission to perform this action.'),
  429: detailShape('Request was throttled. Expected available in 55 seconds.'),
  503: detailShape('The database is not available just now. Try again in a moment.'),
};

/** The usual error answers of a route, 503 always among them. */
export function answers(...statuses: (keyof typeof usual)[]) {
  const chosen = Object.entries(usual).filter(([status]) =>
    [...statuses, 503].includes(Number(status)),
  );
  return Object.fromEntries(chosen);
}
