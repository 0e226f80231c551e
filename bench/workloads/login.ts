import { hashPassword } from '../../src/features/accounts/passwords.ts';
import { limits } from '../../src/kernel/limits.ts';
import { fork, type Workload } from '../bench.ts';
import type { BareArgon2Job } from '../children/bare-argon2.ts';
import type { LoadClient } from '../children/load.ts';
import { measureLoad } from '../http-load.ts';
import { buyerId, emailOf, PASSWORD } from '../market.ts';
import { compare, type Run, type Side, takeTurns } from '../turns.ts';

const CONNECTIONS = 16; // enough that the hashes never wait for a request
const workload = 'login';

/** Logging in, of which the hash of the password is nearly all. */
export const login: Workload = {
  name: workload,
  async run(bench) {
    const { souk } = await bench.market();
    const { url, child } = souk;
    const clients = Array.from({ length: CONNECTIONS }, (_, index): LoadClient => {
      const body = JSON.stringify({ email: emailOf(buyerId(index)), password: PASSWORD });
      return { headers: {}, requests: [{ method: 'POST', path: '/auth/login/', body }] };
    });
    const ours: Side = {
      name: 'ours',
      run: (seconds) => measureLoad(bench, { url, seconds, clients, pid: child.pid }),
    };
    const bare = fork(bench, 'bare-argon2');
    const atOnce = limits.passwordHashesAtOnce;
    const job = { password: PASSWORD, hash: await hashPassword(PASSWORD), atOnce };
    const limit: Side = {
      name: 'argon2',
      run: (seconds) => bare.ask<Run>({ ...job, seconds } satisfies BareArgon2Job),
      stop: () => bare.stop(),
    };
    const rounds = await takeTurns(bench, ours, limit);
    const notes = [`${atOnce} hashes at once on both sides`];
    return [compare(rounds, { workload, unit: 'logins/s', bar: 0.9, notes })];
  },
};
