export interface Repeated {
  /**
   * Runs the work now when its pause is over. For who depends on it: while many clients always
   * have something to read, timers wait, a second and more.
   */
  catchUp(): void;
  stop(): void;
}

/**
 * Runs `work` at once and then again `pauseMs` after each run ends; never two at a time.
 * Does not keep the process alive.
 */
export function repeat(
  work: () => Promise<void>,
  pauseMs: number,
  onError: (error: unknown) => void,
): Repeated {
  let timer: NodeJS.Timeout | undefined; // none while it runs
  let dueAt = 0;
  let stopped = false;
  const run = async (): Promise<void> => {
    clearTimeout(timer);
    timer = undefined;
    try {
      await work();
    } catch (error) {
      if (!stopped) onError(error);
    }
    if (stopped) return;
    dueAt = Date.now() + pauseMs;
    timer = setTimeout(() => void run(), pauseMs).unref();
  };
  void run();
  return {
    catchUp() {
      if (timer !== undefined && !stopped && Date.now() >= dueAt) void run();
    },
    stop() {
      stopped = true;
      clearTimeout(timer);
    },
  };
}
