const TICK_MS = 2;

/**
 * Begins a task for each arrival, at an even rate whatever becomes of those before: who arrives
 * while all callers are busy waits for one. Resolves when all that began have ended.
 */
export async function pace<Caller>(
  { perSecond, seconds, callers }: { perSecond: number; seconds: number; callers: Caller[] },
  task: (caller: Caller) => Promise<void>,
): Promise<void> {
  const idle = [...callers];
  const running = new Set<Promise<void>>();
  const began = performance.now();
  let begun = 0;
  let arrived = 0;
  let failure: Error | undefined;
  const beginMore = (): void => {
    while (begun < arrived && idle.length > 0) {
      const caller = idle.pop() as Caller;
      begun += 1;
      const one = task(caller).then(
        () => idle.push(caller),
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
  arrived = begun; // who still waits goes home
  await Promise.all(running);
  if (failure) throw failure;
}
