import { failpointNames } from '../../src/kernel/failpoints.ts';
import type { ShopNode } from '../servers.ts';
import type { Effect, Fault } from './fault.ts';
import type { World } from './world.ts';

const cutOff = ['refused', 'stale', 'cut', 503] as const; // a node dies: its connections break
const readyBarMs = 2_000;

const oneOf = ({ town, random }: World): ShopNode => random.pick(town.nodes);

async function startAgain(node: ShopNode): Promise<Effect> {
  const readyMs = await node.start();
  const healedAt = performance.now();
  return { healedAt, figures: [{ name: 'ready', value: readyMs, bar: readyBarMs, unit: 'ms' }] };
}

const killed: Fault = {
  name: 'node killed (SIGKILL)',
  allows: cutOff,
  backMs: 2_000,
  async strike(world) {
    const node = oneOf(world);
    await node.kill();
    return startAgain(node);
  },
};

const failpoints: Fault[] = failpointNames.map((name) => ({
  name: `node killed ${name.replaceAll('-', ' ')}`,
  allows: cutOff,
  backMs: 2_000,
  async strike(world) {
    const node = oneOf(world);
    await node.stop();
    const failpoint = `${name}:${1 + world.random.below(5)}`;
    // It may have died of it before it was seen to be ready.
    await node.start({ FAILPOINT: failpoint }).catch(() => undefined);
    if (!(await node.ended(10_000))) world.history.violate('chaos', `${name} was not reached`);
    return startAgain(node);
  },
}));

const rolling: Fault = {
  name: 'rolling restart (SIGTERM)',
  allows: ['refused', 'stale'],
  backMs: 2_000,
  async strike({ town, history }) {
    for (const node of town.nodes) {
      const code = await node.stop();
      if (code !== 0) history.violate('chaos', `a node that was asked to stop exited with ${code}`);
      await node.start();
    }
    return { healedAt: performance.now() };
  },
};

export const nodeFaults: Fault[] = [killed, ...failpoints, rolling];
