import type { Json } from '../../test/harness.ts';
import { type Ask, Client, type Reply } from '../client.ts';
import type { Person } from '../people.ts';
import type { Random } from '../random.ts';
import type { Town } from '../town.ts';
import type { History } from './history.ts';
import { Stalls } from './stalls.ts';
import type { Thing } from './things.ts';
import { Weather } from './weather.ts';

/** `answered` as expected; `nothing` happened for certain; `maybe`: nobody knows. */
type Certainty = 'answered' | 'nothing' | 'maybe';

export type Told = Reply & { certainty: Certainty; status: number };

/** All that the actors share: the shop, what is known of it, and what was seen. */
export class World {
  readonly town: Town;
  readonly random: Random;
  readonly history: History;
  readonly weather = new Weather();
  readonly stalls: Stalls;
  readonly client: Client;
  readonly things = new Map<string, Thing>();
  readonly sellers: Person[] = [];
  /** true when everybody is to come to an end */
  isOver = false;
  /** sockets whose end after a logout was looked at */
  socketEndsChecked = 0;

  constructor(options: { town: Town; random: Random; history: History; seed: number }) {
    this.town = options.town;
    this.stalls = new Stalls(options.town.database.url, this.weather);
    this.random = options.random;
    this.history = options.history;
    this.client = new Client(`chaos-${options.seed}`);
  }

  /**
   * One request of an actor to a node. An answer that is neither expected nor excused by a fault
   * is a violation of `rule`.
   */
  async ask(
    actor: string,
    {
      what,
      node,
      expect,
      route,
      rule = 'answers',
      ...ask
    }: Ask & { what: string; node: number; expect: number[]; route: string; rule?: string },
  ): Promise<Told> {
    const { url = '' } = this.town.nodes[node] ?? {};
    const reply = await this.client.send(url, route, ask);
    const { outcome, requestId, sentAt, endedAt } = reply;
    this.history.note({ actor, what, node, requestId, sentAt, endedAt, outcome });
    const status = typeof outcome === 'number' ? outcome : 0;
    if (expect.includes(status)) return { ...reply, status, certainty: 'answered' };
    if (!this.#isExcused(reply)) {
      const text = `${actor} asked ${route} of node ${node}: ${outcome} ${show(reply.body)}`;
      this.history.violate(rule, text, [requestId]);
    }
    return { ...reply, status, certainty: outcome === 'refused' ? 'nothing' : 'maybe' };
  }

  #isExcused({ outcome, retryAfter, sentAt, endedAt }: Reply): boolean {
    if (outcome === 503 && retryAfter === undefined) return false;
    const isStall = outcome === 503 && this.stalls.within(sentAt, endedAt) > 0;
    return isStall || this.weather.excuses(outcome, sentAt, endedAt);
  }

  /** Lets the work of an actor go on by itself; its failure is a violation, at once. */
  async watch(work: Promise<void>): Promise<void> {
    try {
      await work;
    } catch (error) {
      this.history.violate('chaos', error instanceof Error ? String(error.stack) : String(error));
    }
  }

  /** Products to be bought, by what may happen to them. */
  on(...kinds: Thing['kind'][]): Thing[] {
    const all = [...this.things.values()];
    return all.filter((one) => kinds.includes(one.kind) && one.deleteSentAt === Infinity);
  }
}

/** An answer, short enough for a line. */
export function show(body: Json): string {
  return (JSON.stringify(body) ?? '').slice(0, 200);
}
