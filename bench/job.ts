/** What a child process of the benchmark answers to a job. */
export type JobAnswer<Answer> = { answer: Answer } | { failed: string };

/**
 * Makes this process one of bench/children/: it answers each job that it is sent, and ends when
 * the benchmark does.
 */
export function answerJobs(work: (job: never) => Promise<unknown>): void {
  const reply = (message: JobAnswer<unknown>): void => void process.send?.(message);
  process.once('disconnect', () => process.exit());
  process.on('message', (job) => {
    work(job as never).then(
      (answer) => reply({ answer }),
      (error: unknown) => reply({ failed: error instanceof Error ? error.message : String(error) }),
    );
  });
}
