import { nobodysId } from '../shopping.ts';
import type { Operation } from './model.ts';

/** The short names that the model has for the real ids of products and orders. */
export class Names {
  readonly #ids = new Map<string, string>();
  readonly #names = new Map<string, { name: string; step: number }>();

  idOf(name: string): string {
    return this.#ids.get(name) ?? nobodysId;
  }

  /** An id without a name stays as it is. */
  of(id: string): string {
    return id === nobodysId ? 'nothing' : (this.#names.get(id)?.name ?? id);
  }

  /** The step in which the id was first heard of. */
  stepOf(id: string): number {
    return this.#names.get(id)?.step ?? Infinity;
  }

  /** The same value with names for ids, in texts too. */
  in(value: unknown): unknown {
    const ids = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g;
    return JSON.parse(JSON.stringify(value).replaceAll(ids, (id) => this.of(id)));
  }

  /** What an operation made is called as the operation says; the first to be called so. */
  learn(step: number, operation: Operation, result: unknown): void {
    if (typeof result !== 'object' || result === null) return;
    if (operation.verb === 'order' && 'orders' in result) {
      for (const [index, id] of (result.orders as string[]).entries()) {
        this.#call(`${operation.name}.${index + 1}`, { id, step });
      }
    }
    if (operation.verb === 'offer' && 'offered' in result) {
      this.#call(operation.name, { id: (result.offered as { id: string }).id, step });
    }
  }

  #call(name: string, { id, step }: { id: string; step: number }): void {
    if (this.#ids.has(name)) return;
    this.#ids.set(name, id);
    this.#names.set(id, { name, step });
  }
}
