import { type Static, Type } from 'typebox';
import { readByRoute } from './fields.ts';
import { answers, errorShape } from './schema-errors.ts';

export const sellerTypes = ['creator', 'admin'];
const buyerTypes = ['viewer', 'customer'];

const email = Type.String({ format: 'email', maxLength: 254, examples: ['ann@example.com'] });
const password = Type.String({ verbatim: true, examples: ['correct horse'] });
const token = Type.String({ examples: ['eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.…'] });
const optionalText = (maxLength: number, example: string) =>
  Type.Optional(Type.String({ maxLength, nullable: true, examples: [example] }));

const registerBody = Type.Object(
  {
    email,
    password: Type.String({
      verbatim: true,
      examples: ['correct horse'],
      description: '8 to 128 characters, not a common one (unless PASSWORD_RULES=classic)',
    }),
    user_type: Type.String({
      enum: [...sellerTypes, ...buyerTypes],
      description: 'creator or admin: a seller; viewer or customer: a buyer',
      examples: ['viewer'],
    }),
    phone_number: optionalText(15, '+4930123456'),
    name: optionalText(150, 'Ann'),
    username: optionalText(150, 'ann'),
  },
  readByRoute,
);
export type RegisterFields = Static<typeof registerBody>;

const loginBody = Type.Object({ email, password }, readByRoute);
const refreshBody = Type.Object({ refresh: token }, readByRoute);
const logoutBody = Type.Object({ refresh: Type.Optional(token) }, readByRoute);
const passwordBody = Type.Object({ current_password: password, new_password: password });
const tokenPair = { access: token, refresh: token };
const nullable = (example: string) =>
  Type.Union([Type.String(), Type.Null()], { examples: [example] });
const ticket = Type.String({ examples: ['q0bq5n0l3m1vWcJxQ1mS7yq1J2mT8uZk'] });
const tags = ['accounts'];

/** Routes' schemas and access: what is sent, what is answered, who may call. */
export const accountSchemas = {
  registerBody,
  register: {
    config: { access: 'anyone' },
    schema: {
      tags,
      summary: 'Create an account and log in',
      body: registerBody,
      response: {
        201: Type.Object({
          user: Type.Object({
            id: Type.Integer({ examples: [1] }),
            email,
            username: nullable('ann'),
            phone_number: nullable('+4930123456'),
            user_type: Type.String({ examples: ['viewer'] }),
          }),
          ...tokenPair,
        }),
        ...answers(400, 429),
      },
    },
  },
  login: {
    config: { access: 'anyone' },
    schema: {
      tags,
      summary: 'Log in',
      body: loginBody,
      response: {
        200: Type.Object({
          user: Type.Object({ email, name: nullable('Ann') }),
          ...tokenPair,
        }),
        400: errorShape('Invalid email or password.', 'One is wrong, or missing'),
        ...answers(429),
      },
    },
  },
  refresh: {
    config: { access: 'anyone' },
    schema: {
      tags,
      summary: 'Get a new access token for a refresh token',
      description: 'The refresh token stays good until it expires.',
      body: refreshBody,
      response: {
        200: Type.Object({ access: token }),
        400: errorShape('Token is expired', 'The refresh token is missing, bad or expired'),
        ...answers(429),
      },
    },
  },
  logout: {
    schema: {
      tags,
      summary: 'End the session: both its tokens, and its sockets',
      description: 'The refresh token may be left out: the access token names the session.',
      body: logoutBody,
      response: {
        200: Type.Object({ message: Type.String({ examples: ['Successfully logged out.'] }) }),
        400: errorShape('Token is invalid', 'The refresh token is bad, or of somebody else'),
        ...answers(401),
      },
    },
  },
  password: {
    schema: {
      tags,
      summary: 'Change your password, and end your other sessions',
      description: 'The session that changes it goes on. The rules are those of registration.',
      body: passwordBody,
      response: {
        200: Type.Object({ message: Type.String({ examples: ['Password changed.'] }) }),
        ...answers(400, 401, 429),
      },
    },
  },
  ticket: {
    schema: {
      tags: ['notifications'],
      summary: 'A single-use ticket that opens a socket within 30 seconds',
      description: 'Takes no body.',
      response: { 200: Type.Object({ ticket }), ...answers(401, 429) },
    },
  },
} as const;
