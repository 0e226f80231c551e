import { createWriteStream, mkdirSync, type WriteStream } from 'node:fs';
import { dirname } from 'node:path';
import type { Outcome } from '../client.ts';

/** One request: who asked what, when, and what became of it. */
export interface Op {
  actor: string;
  what: string;
  node: number;
  requestId: string;
  sentAt: number;
  endedAt: number;
  outcome: Outcome;
}

export interface Violation {
  /** the invariant, by its name in `souk verify` and docs/resilience.md */
  rule: string;
  text: string;
  requestIds: string[];
}

const shownViolations = 100; // the file has all
const keptMs = 180_000; // longer than any fault lasts

/** All that was asked and answered: whole in a file, counted, and the last minutes in memory. */
export class History {
  readonly violations: Violation[] = [];
  readonly counts = new Map<string, Map<Outcome, number>>(); // what → outcome → how often
  readonly #file: WriteStream;
  readonly #onViolation: (violation: Violation) => void;
  #recent: Op[] = [];

  /** @param path one JSON object a line */
  constructor(path: string, onViolation: (violation: Violation) => void) {
    this.#onViolation = onViolation;
    mkdirSync(dirname(path), { recursive: true });
    this.#file = createWriteStream(path);
  }

  note(op: Op): void {
    this.#file.write(`${JSON.stringify(op)}\n`);
    this.#recent.push(op);
    if (this.#recent.length > 200_000) {
      this.#recent = this.#recent.filter((one) => one.endedAt > op.endedAt - keptMs);
    }
    const counts = this.counts.get(op.what) ?? new Map<Outcome, number>();
    this.counts.set(op.what, counts.set(op.outcome, (counts.get(op.outcome) ?? 0) + 1));
  }

  /** Something that must never be. */
  violate(rule: string, text: string, requestIds: string[] = []): void {
    const violation = { rule, text, requestIds };
    this.violations.push(violation);
    if (this.violations.length <= shownViolations) this.#onViolation(violation);
    this.#file.write(`${JSON.stringify({ violation, at: performance.now() })}\n`);
  }

  /** What was under way in a span of the last minutes. */
  during(from: number, until: number): Op[] {
    return this.#recent.filter((op) => op.sentAt <= until && op.endedAt >= from);
  }

  get total(): number {
    let total = 0;
    for (const counts of this.counts.values()) for (const count of counts.values()) total += count;
    return total;
  }

  close(): Promise<void> {
    return new Promise((resolve) => this.#file.end(resolve));
  }
}
