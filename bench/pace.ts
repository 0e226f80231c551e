import type { Wire } from './wire.ts';

const TICK_MS = 2;

/**
 * Begins a task for each arrival, at an even rate whatever becomes of those before: who arrives
 * while all connections are busy waits for one. @returns when all that began have ended
 */
export async function pace(
  { perSecond, seconds, wires }: { perSecond: number; seconds: number; wires: Wire[] },
  task: (wire: Wire) => Promise<void>,
): Promise<{ arrived: number; begun: number }> {
  const idle = [...wires];
  const running = new Set<Promise<void>>();
  const began = performance.now();
  let begun = 0;
  let arrived = 0;
  let failure: Error | undefined;
  const beginMore = (): void => {
    while (begun < arrived && idle.length > 0) {
      const wire = idle.pop() as Wire;
      begun += 1;
      const one = task(wire).then(
        () => idle.push(wire),
        (error: Error) => (failure ??= error),
      );
      const tracked = one.then(() => {
        running.delete(tracked);
        beginMore();
      });
      running.add(tracked);
    }
  };
  await new Promise<void>((resolve) => {
    const timer = setInterval(() => {
      const elapsed = Math.min(performance.now() - began, seconds * 1000);
      arrived = Math.floor((elapsed / 1000) * perSecond);
      beginMore();
      if (elapsed < seconds * 1000 && failure === undefined) return;
      clearInterval(timer);
      resolve();
    }, TICK_MS);
  });
  const asked = { arrived, begun };
  arrived = begun; // who still waits for a connection goes home
  await Promise.all(running);
  if (failure) throw failure;
  return asked;
}
