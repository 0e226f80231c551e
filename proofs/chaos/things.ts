/** A figure that grew in steps, and what it was at any moment. */
class Growth {
  readonly #steps: { at: number; total: number }[] = [];

  add(at: number, amount: number): void {
    this.#steps.push({ at, total: this.now + amount });
  }

  get now(): number {
    return this.#steps.at(-1)?.total ?? 0;
  }

  /** Steps come nearly in the order of their times. */
  at(time: number): number {
    let index = this.#steps.length;
    while (index > 0 && (this.#steps[index - 1]?.at ?? 0) > time) index -= 1;
    return this.#steps[index - 1]?.total ?? 0;
  }
}

/** A value somebody wrote: certainly within the span, or perhaps at any time from its begin. */
interface Write<Value> {
  value: Value;
  sentAt: number;
  endedAt: number;
  certain: boolean;
  /** when one without an answer has happened, or never will */
  settlesAt: () => number;
}

/** What a field with one writer may have held when. */
export class Field<Value> {
  readonly #writes: Write<Value>[];

  constructor(first: Value) {
    const certain = { sentAt: -Infinity, endedAt: -Infinity, certain: true };
    this.#writes = [{ value: first, ...certain, settlesAt: () => -Infinity }];
  }

  wrote(write: Write<Value>): void {
    this.#writes.push(write);
  }

  /** Every value that it may have had at some moment of the span. */
  during(from: number, until: number): Value[] {
    const found: Value[] = [];
    let begin: number | undefined; // when the write that stood at `from` was sent
    for (let index = this.#lastBefore(until), more = lookedBack; index >= 0; index -= 1) {
      const write = this.#writes[index] as Write<Value>;
      const lastMoment = write.certain ? write.endedAt : write.settlesAt();
      if (begin === undefined || lastMoment > begin) found.push(write.value);
      if (begin === undefined && write.certain && write.endedAt < from) begin = write.sentAt;
      if (begin !== undefined && (more -= 1) < 0) break;
    }
    return found;
  }

  /** The index of the last write that was sent before, by halving. */
  #lastBefore(time: number): number {
    let [low, high] = [0, this.#writes.length - 1];
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if ((this.#writes[middle] as Write<Value>).sentAt <= time) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}

const lookedBack = 20; // writes without an answer, which may have happened after later ones

/** A product, and all that its seller and its buyers did to it. */
export interface Thing {
  id: string;
  name: string;
  sellerId: number;
  /**
   * `steady`: nobody edits it, so that its stock can be counted from outside; `scarce`: the same,
   * and it sells out; `edited`: its price and stock change; `brief`: made and deleted in the run
   */
  kind: 'steady' | 'scarce' | 'edited' | 'brief';
  stock: number;
  price: Field<number>;
  madeAt: number;
  /** when its deletion was first asked for, and when it was acknowledged */
  deleteSentAt: number;
  deletedAt: number;
  /** units whose sale was acknowledged, and units that anybody asked for */
  sold: Growth;
  asked: Growth;
}

export function thingOf(
  made: Pick<Thing, 'id' | 'name' | 'sellerId' | 'kind' | 'stock'> & { price: number },
): Thing {
  return {
    ...made,
    price: new Field(made.price),
    madeAt: performance.now(),
    deleteSentAt: Infinity,
    deletedAt: Infinity,
    sold: new Growth(),
    asked: new Growth(),
  };
}

/** Its stock is known from the orders alone. */
export const isCounted = ({ kind }: Thing): boolean => kind === 'steady' || kind === 'scarce';
