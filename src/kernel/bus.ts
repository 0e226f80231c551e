import { newId } from './ids.ts';

/**
 * Hints between nodes: "a row you may care about exists". A hint may be lost; whoever listens
 * must also look by itself within a bounded time. A node hears its own hints at once.
 */
export interface Bus {
  publish(topic: string, hint: unknown): void;
  subscribe(topic: string, listener: (hint: never) => void): void;
  /** Resolves, soon, when what was published has left or was given up: for who is about to end. */
  sent(): Promise<void>;
}

/** How hints reach the other nodes; `receive` is called for each that arrives from them. */
export interface Transport {
  /** Resolves, soon, when the message has left or was given up. */
  send(message: string): Promise<unknown>;
  receive(listener: (message: string) => void): void;
}

/** A bus over a transport, or within this process alone. */
export function openBus(transport?: Transport): Bus {
  const node = newId();
  const listeners = new Map<string, ((hint: never) => void)[]>();
  const leaving = new Set<Promise<unknown>>();
  const deliver = (topic: string, hint: unknown): void => {
    for (const listener of listeners.get(topic) ?? []) listener(hint as never);
  };
  transport?.receive((message) => {
    const envelope = readEnvelope(message);
    if (envelope && envelope.node !== node) deliver(envelope.topic, envelope.hint);
  });
  return {
    publish(topic, hint) {
      deliver(topic, hint);
      if (transport === undefined) return;
      const sending = transport.send(JSON.stringify({ node, topic, hint }));
      leaving.add(sending);
      void sending.finally(() => leaving.delete(sending));
    },
    subscribe(topic, listener) {
      listeners.set(topic, [...(listeners.get(topic) ?? []), listener]);
    },
    sent: async () => void (await Promise.all(leaving)),
  };
}

interface Envelope {
  node: string;
  topic: string;
  hint: unknown;
}

/** Whatever else somebody publishes there counts as nothing. */
function readEnvelope(message: string): Envelope | undefined {
  try {
    return JSON.parse(message) as Envelope;
  } catch {
    return undefined;
  }
}
