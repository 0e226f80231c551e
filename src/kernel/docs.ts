import { STATUS_CODES } from 'node:http';
import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import type { FastifyInstance, FastifySchema, RouteOptions } from 'fastify';
import type { Access } from './http.ts';

const description = `Souk speaks the classic API: the paths, bodies and messages of the old system.

1. \`POST /auth/register-user/\` or \`POST /auth/login/\` answers with an \`access\` token.
2. Press *Authorize* and paste it. Every call then carries \`Authorization: Bearer TOKEN\`.
3. *Try it out* sends the call to this shop, for real.

**Paths** answer with and without their trailing slash. All but \`/auth/…\` also answer below
\`/app\`.

**Bodies** are JSON. Forms (\`application/x-www-form-urlencoded\`, \`multipart/form-data\`) are
read too. Ids are UUIDs, but for users; prices are in major units of the shop's currency.

**Errors** are JSON: \`{"error": "…"}\`, \`{"detail": "…"}\`, or each failing field with its
messages. Beside the errors that each call lists there are 400 for a body that is not JSON, 405
(with \`Allow\`), 413 for more than 1 MiB and 415 for other media types. Every answer has an
\`X-Request-Id\`: give it when you report a problem.`;

const notifications = `A WebSocket tells buyers and sellers what happens to their orders:
\`/ws/notifications/TOKEN/\` or \`/ws/notifications/?token=TOKEN\`. TOKEN is an access token, or
a ticket of the call below, which keeps the access token out of addresses and logs.

Each message is one JSON object, \`Notification\` under *Schemas*. Its \`offset\` counts up by one
for each user, without gaps. Keep the last one you saw; reconnect with \`after=OFFSET\` in the
query, and everything newer comes first, then what is new.

| the server closes with | when |
|---|---|
| 4401 | the token is bad or expired, or the session has ended |
| 4403 | a web page of another origin opens it: see CORS_ORIGINS |
| 4008 | the client reads too slowly: reconnect with the last offset |
| 4409 | the user has too many sockets: the oldest is closed |
| 1012, 1013 | the server restarts, or cannot take it now: reconnect with the last offset |`;

const notification: object = {
  type: 'object',
  description: 'One message of the WebSocket: see the tag notifications',
  required: ['offset', 'id', 'type', 'order_id', 'status', 'message', 'created_at'],
  properties: {
    offset: { type: 'integer', minimum: 1, examples: [7] },
    id: { type: 'string', format: 'uuid', examples: ['0193a5b2-7c1e-7a44-9d3e-5f1b2c3d4e60'] },
    type: { type: 'string', enum: ['order.placed', 'order.status_updated'] },
    order_id: { type: 'string', format: 'uuid' },
    status: { type: 'string', enum: ['pending', 'shipped', 'delivered'] },
    message: { type: 'string', examples: ['Your order 0193a5b2-… is now shipped'] },
    created_at: { type: 'string', format: 'date-time' },
  },
};

const tags = [
  { name: 'accounts', description: 'Registration, login, tokens' },
  { name: 'catalog', description: 'Categories and products' },
  { name: 'cart', description: "A buyer's cart; it is kept between sessions" },
  { name: 'orders', description: 'Checkout, and an order on its way' },
  { name: 'notifications', description: notifications },
  { name: 'operations', description: 'For whoever runs the shop' },
];

const mayCall: Record<Access, string> = {
  anyone: 'Open: needs no token, and ignores one.',
  user: 'For everybody who is logged in.',
  buyer: 'For buyers.',
  seller: 'For sellers and operators.',
};

type Answers = Record<string, { description?: string }>;

const answerOf = (field: string, example: string): object => ({
  type: 'object',
  required: [field],
  properties: { [field]: { type: 'string', examples: [example] } },
});

/** What the routes answer that are no feature's. */
const operations: Record<string, Answers> = {
  '/healthz': { 200: answerOf('status', 'ok') },
  '/readyz': {
    200: answerOf('status', 'ready'),
    503: answerOf('detail', 'The database is not available just now. Try again in a moment.'),
  },
  '/metrics': { 200: { content: { 'text/plain': { schema: { type: 'string' } } } } as object },
  '/openapi.json': { 200: { type: 'object' } as object },
};

// The schemas of bodies also tell their reader what only that understands.
const houseKeywords = new Set(['verbatim', 'decimals', 'x-read-by-route']);

/** A copy without the house's own keywords; fields of such names, being objects, stay. */
function plain<Schema>(schema: Schema): Schema {
  if (typeof schema !== 'object' || schema === null) return schema;
  if (Array.isArray(schema)) return schema.map(plain) as Schema;
  const entries = Object.entries(schema)
    .filter(([key, value]) => typeof value === 'object' || !houseKeywords.has(key))
    .map(([key, value]) => [key, plain<unknown>(value)] as const);
  return Object.fromEntries(entries) as Schema;
}

/** `POST /place-order/` → `postPlaceOrder`: a name for the clients that are generated. */
function operationId(route: RouteOptions): string {
  const words = route.url.split(/[^a-z]+/).filter((word) => word !== '');
  const capital = (word: string) => word.charAt(0).toUpperCase() + word.slice(1);
  return String(route.method).toLowerCase() + words.map(capital).join('');
}

/** A route's schema as the document shows it. */
function documented(schema: FastifySchema, route: RouteOptions): FastifySchema {
  const access = route.config?.access ?? 'user';
  const given = schema.response as Answers | undefined;
  const answers: Answers = { ...operations[route.url], ...plain(given) };
  const described = Object.entries(answers).map(([code, answer]) => {
    const words = answer.description ?? STATUS_CODES[code];
    return [code, { ...answer, 'x-response-description': words }] as const;
  });
  return {
    ...plain(schema),
    operationId: operationId(route),
    description: [schema.description, mayCall[access]].join('\n\n').trim(),
    response: Object.fromEntries(described),
    ...(access === 'anyone' ? { security: [] } : {}),
  };
}

interface Operation {
  requestBody?: {
    required: boolean;
    content: Record<string, { schema: { required?: string[] } }>;
  };
}

/** A body none of whose fields is required may be left out altogether. */
function relaxBodies(document: object): object {
  const { paths } = document as { paths: Record<string, Record<string, Operation>> };
  for (const { requestBody } of Object.values(paths).flatMap((path) => Object.values(path))) {
    if (requestBody === undefined) continue;
    const { schema } = requestBody.content['application/json'] ?? {};
    requestBody.required = (schema?.required ?? []).length > 0;
  }
  return document;
}

// The page needs its own scripts, styles and this API, and nothing from elsewhere.
const pagePolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** The OpenAPI 3.1 document of all routes at /openapi.json; a page to try them at /docs. */
export async function documentApi(app: FastifyInstance): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Souk',
        version: '0.1.0',
        description,
        license: { name: 'MIT', identifier: 'MIT' },
      },
      tags,
      components: {
        securitySchemes: { bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' } },
        schemas: { Notification: notification },
      },
      security: [{ bearer: [] }],
    },
    transform({ schema, url, route }) {
      const hide = url.startsWith('/app/') || url.startsWith('/docs');
      return { url, schema: hide ? { hide } : documented(schema, route) };
    },
    transformObject: (document) =>
      relaxBodies('openapiObject' in document ? document.openapiObject : {}),
  });
  await app.register(async (scope) => {
    scope.addHook('onRoute', (route) => {
      route.config = { ...route.config, access: 'anyone' };
    });
    await scope.register(swaggerUi, {
      routePrefix: '/docs',
      staticCSP: pagePolicy,
      theme: { title: 'Souk API' },
      // Without the bar on top, which takes the address of any other document.
      uiConfig: { layout: 'BaseLayout', persistAuthorization: true, displayRequestDuration: true },
    });
  });
  const schema = { tags: ['operations'], summary: 'This document' };
  app.get('/openapi.json', { config: { access: 'anyone' }, schema }, async () => app.swagger());
}
