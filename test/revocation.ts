import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import type { TestNode, User } from './harness.ts';
import { query } from './program-data.ts';
import { closeCode, within } from './shopping.ts';
import type { TestSocket } from './socket.ts';

// Measures how long what a session gives is still worth something after the session has ended.

type Node = Pick<TestNode, 'call' | 'socket'>;

const refreshRoute = 'POST /auth/get-access-token/';

/** Uses the tokens of a session and its sockets on every node, until all of it is refused. */
export class Revocation {
  readonly #nodes: Node[];
  readonly #user: User;
  /** when the last request was sent that was let in, by what it was */
  readonly #lastUse = new Map<string, number>();
  readonly surprises = new Set<string>();
  #sockets: TestSocket[] = [];
  #closings: Promise<number>[] = []; // times
  #tickets: string[] = [];
  #attempts: Promise<void>[] = [];

  private constructor(nodes: Node[], user: User) {
    this.#nodes = nodes;
    this.#user = user;
  }

  /** Every node knows the session, and it has two sockets on each: by its token and by a ticket. */
  static async prepared(nodes: Node[], user: User): Promise<Revocation> {
    const revocation = new Revocation(nodes, user);
    for (const { socket } of nodes) {
      for (const credential of [user.access, await revocation.#ticket()]) {
        revocation.#sockets.push(await socket(`/ws/notifications/${credential}/`));
      }
      revocation.#tickets.push(await revocation.#ticket());
    }
    revocation.#closings = revocation.#sockets.map(async ({ closed }) => {
      await closed;
      return Date.now();
    });
    revocation.#attempts = nodes.flatMap((node, index) => [
      revocation.#use(`access on node ${index}`, () =>
        node.call('GET /list-product/', { token: user.access }),
      ),
      revocation.#use(`refresh on node ${index}`, () =>
        node.call(refreshRoute, { body: { refresh: user.refresh } }),
      ),
    ]);
    await within(5_000, async () => assert.equal(revocation.#lastUse.size, 2 * nodes.length));
    return revocation;
  }

  async #ticket(): Promise<string> {
    const [node] = this.#nodes;
    const answer = await node?.call('POST /auth/ws-ticket/', { token: this.#user.access });
    assert.equal(answer?.status, 200);
    return answer?.body.ticket;
  }

  /** All the time, until it is refused. */
  async #use(what: string, attempt: () => Promise<{ status: number }>): Promise<void> {
    for (;;) {
      const sentAt = Date.now();
      const { status } = await attempt();
      if (status === 401 || status === 400) return;
      if (status === 200) this.#lastUse.set(what, sentAt);
      else this.surprises.add(`${what}: ${status}`);
      await sleep(10);
    }
  }

  /**
   * Waits until nothing of the session is worth anything.
   * @returns how long after its end, by the clock of the database, its last use was, in ms; what
   * ended it and which use lasted longest
   */
  async measured(databaseUrl: string): Promise<{ ms: number; use: string; reason: string }> {
    const codes = await Promise.all(this.#sockets.map(closeCode));
    assert.deepEqual(new Set(codes), new Set([4401]));
    await Promise.all(this.#attempts);
    const closings = await Promise.all(this.#closings);
    for (const [index, node] of this.#nodes.entries()) {
      const socket = await node.socket(`/ws/notifications/${this.#tickets[index]}/`);
      assert.equal(await closeCode(socket), 4401, 'a ticket');
    }
    const [ended] = await query(
      databaseUrl,
      `SELECT revoked_for AS reason, extract(epoch FROM revoked_at)::float8 * 1000 AS at
       FROM sessions WHERE user_id = $1 ORDER BY revoked_at DESC LIMIT 1`,
      [this.#user.id],
    );
    const uses: [string, number][] = [
      ...this.#lastUse,
      ...closings.map((at): [string, number] => ['a socket', at]),
    ];
    const [use, at] = uses.reduce((last, one) => (one[1] > last[1] ? one : last));
    return { ms: Math.round(at - ended.at), use, reason: ended.reason };
  }
}
