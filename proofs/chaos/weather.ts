import type { Outcome } from '../client.ts';

/** A fault while it lasts, and what it excuses. */
interface Window {
  from: number;
  /** Infinity while it lasts */
  until: number;
  allows: readonly Outcome[];
  /** statements that were sent wait as long as this lasts, and may happen after it */
  delays: boolean;
}

const graceMs = 200; // a fault ends when every node has taken an order; others may just miss that
const landingMs = 10_000; // above the statement time-out: by then what was sent has happened or not

/** Which faults there were when: tells what a request may come to. Times in ms of one clock. */
export class Weather {
  readonly #windows: Window[] = [];

  /** Begins a fault; the returned function says that it is healed. */
  storm(allows: readonly Outcome[], delays = false): () => void {
    const window = { from: performance.now(), until: Infinity, allows, delays };
    this.#windows.push(window);
    return () => (window.until = performance.now());
  }

  /** Whether a fault excuses this outcome of a request. */
  excuses(outcome: Outcome, sentAt: number, endedAt: number): boolean {
    return this.#during(sentAt - graceMs, endedAt).some(({ allows }) => allows.includes(outcome));
  }

  /** No fault of a node or of the database, which may keep it from looking for what has ended. */
  isDatabaseWell(from: number, until: number): boolean {
    return this.#during(from - graceMs, until).every(({ allows }) => !allows.includes(503));
  }

  /** When a request without an answer has happened or never will; Infinity: not known yet. */
  settlesAt(sentAt: number, endedAt: number): number {
    const delays = this.#during(sentAt, endedAt).filter((window) => window.delays);
    return Math.max(endedAt, ...delays.map((window) => window.until)) + landingMs;
  }

  #during(from: number, until: number): Window[] {
    return this.#windows.filter((window) => window.from <= until && window.until >= from);
  }
}
