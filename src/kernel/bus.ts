import { newId } from './ids.ts';
import { limits } from './limits.ts';

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

/**
 * A bus over a transport, or within this process alone. What is published in one go, or while a
 * message is on its way, leaves together in the next one.
 */
export function openBus(transport?: Transport): Bus {
  const node = newId();
  const listeners = new Map<string, ((hint: never) => void)[]>();
  const deliver = ({ topic, hint }: Hint): void => {
    for (const listener of listeners.get(topic) ?? []) listener(hint as never);
  };
  const own = JSON.stringify({ node }).slice(0, -1);
  transport?.receive((message) => {
    if (message.startsWith(own)) return; // heard when it was published
    for (const hint of readEnvelope(message)?.hints ?? []) {
      try {
        deliver(hint);
      } catch {
        // Not a hint of ours; those after it may be.
      }
    }
  });
  let waiting: Hint[] = [];
  let sending: Promise<void> | undefined;
  const send = async (to: Transport): Promise<void> => {
    while (waiting.length > 0) {
      const hints = waiting;
      waiting = [];
      await to.send(JSON.stringify({ node, hints })).catch(() => undefined);
    }
    sending = undefined;
  };
  return {
    publish(topic, hint) {
      deliver({ topic, hint });
      if (transport === undefined || waiting.length >= limits.hintsWaiting) return;
      waiting.push({ topic, hint });
      sending ??= Promise.resolve().then(() => send(transport)); // with what follows at once
    },
    subscribe(topic, listener) {
      listeners.set(topic, [...(listeners.get(topic) ?? []), listener]);
    },
    sent: async () => sending,
  };
}

interface Hint {
  topic: string;
  hint: unknown;
}

interface Envelope {
  node: string;
  hints: Hint[];
}

/** Whatever else somebody publishes there counts as nothing. */
function readEnvelope(message: string): Envelope | undefined {
  try {
    const envelope = JSON.parse(message) as Partial<Envelope>;
    return Array.isArray(envelope.hints) ? (envelope as Envelope) : undefined;
  } catch {
    return undefined;
  }
}
