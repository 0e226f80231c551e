/** Tells the person at the terminal how far a long copy has come. */
export interface Progress {
  /** a table, or another step */
  begin(name: string): void;
  add(rows: number, bytes: number): void;
  end(): void;
  /** ends the timer; whatever happened */
  close(): void;
}

const tellEveryMs = 1_000;

/** A line for each step when it ends, and each second while it lasts. */
export function openProgress(tell: (line: string) => void): Progress {
  let step: { name: string; began: number; rows: number; bytes: number } | undefined;
  const report = (): void => {
    if (step === undefined) return;
    const { name, began, rows, bytes } = step;
    const seconds = ((Date.now() - began) / 1000).toFixed(1);
    const copied =
      rows > 0 ? `${rows.toLocaleString('en')} rows  ${(bytes / 1e6).toFixed(1)} MB` : '';
    tell(`  ${name.padEnd(18)}  ${copied.padStart(28)}  ${seconds.padStart(7)} s`);
  };
  const timer = setInterval(report, tellEveryMs).unref();
  const end = (): void => {
    report();
    step = undefined;
  };
  return {
    begin(name) {
      if (step !== undefined) end();
      step = { name, began: Date.now(), rows: 0, bytes: 0 };
    },
    add(rows, bytes) {
      if (step === undefined) return;
      step.rows += rows;
      step.bytes += bytes;
    },
    end,
    close: () => clearInterval(timer),
  };
}
