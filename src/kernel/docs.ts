import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import type { FastifyInstance } from 'fastify';

const description = `The classic API: every call of the old system, unchanged.

Register or log in, press *Authorize* and paste the \`access\` token. Every path also answers below
\`/app\`, and with or without its trailing slash.

**Notifications** come over a WebSocket: \`/ws/notifications/TOKEN/\` or
\`/ws/notifications/?token=TOKEN\`, where the token is an access token or a ticket of
\`POST /auth/ws-ticket/\`. With \`after=OFFSET\` everything newer than that offset is sent first.`;

/** The OpenAPI 3.1 document of all routes at /openapi.json; a page to try them at /docs. */
export async function documentApi(app: FastifyInstance): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'Souk', version: '0.1.0', description },
      components: {
        securitySchemes: { bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' } },
      },
      security: [{ bearer: [] }],
    },
    transform({ schema, url, route }) {
      const isOpen = route.config?.access === 'anyone';
      const hide = url.startsWith('/app/') || url.startsWith('/docs');
      return { url, schema: { ...schema, hide, ...(isOpen ? { security: [] } : {}) } };
    },
  });
  await app.register(async (scope) => {
    // The page needs its own scripts, styles and this API, and nothing from elsewhere.
    scope.addHook('onRoute', (route) => {
      route.config = { ...route.config, access: 'anyone' };
    });
    await scope.register(swaggerUi, {
      routePrefix: '/docs',
      staticCSP: true,
      transformStaticCSP: (header) => header.replace('upgrade-insecure-requests', ''),
      uiConfig: { persistAuthorization: true, displayRequestDuration: true, docExpansion: 'list' },
    });
  });
  app.get('/openapi.json', { config: { access: 'anyone' }, schema: { hide: true } }, async () =>
    app.swagger(),
  );
}
