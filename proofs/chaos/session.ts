import { setTimeout as sleep } from 'node:timers/promises';
import type { Person } from '../people.ts';
import type { Listener } from './listener.ts';
import type { World } from './world.ts';

const refusedAfterMs = 1_000; // I8
const pauseMs = 200; // between two tries

/** Ends a session and begins another; the old token must be refused everywhere a second later. */
export async function logOutAndIn(world: World, person: Person, listener: Listener): Promise<void> {
  const { access: token, refresh } = person;
  const actor = `user ${person.id}`;
  const node = world.random.below(world.town.nodes.length);
  const logout = { route: 'POST /auth/logout/', expect: [200], body: { refresh } };
  const told = await world.ask(actor, { what: 'logout', node, token, ...logout });
  if (told.certainty === 'answered') {
    void listener.expectEnd(token);
    void expectRefusal(world, actor, token);
  }
  const { email, password } = person;
  const login = { route: 'POST /auth/login/', expect: [200], body: { email, password } };
  for (let attempt = node; ; attempt += 1) {
    const on = attempt % world.town.nodes.length;
    const { status, body } = await world.ask(actor, { what: 'login', node: on, ...login });
    if (status === 200) {
      person.access = body.access;
      person.refresh = body.refresh;
      return;
    }
    if (world.isOver) return;
    await sleep(pauseMs);
  }
}

async function expectRefusal(world: World, actor: string, token: string): Promise<void> {
  await sleep(refusedAfterMs);
  for (const node of world.town.nodes.keys()) {
    const call = { what: 'after logout', route: 'GET /list-category/', expect: [401], rule: 'I8' };
    await world.ask(actor, { ...call, node, token });
  }
}

export async function refresh(world: World, person: Person): Promise<void> {
  const node = world.random.below(world.town.nodes.length);
  const told = await world.ask(`user ${person.id}`, {
    what: 'get-access-token',
    node,
    route: 'POST /auth/get-access-token/',
    expect: [200],
    body: { refresh: person.refresh },
  });
  if (told.status === 200) person.access = told.body.access;
}
