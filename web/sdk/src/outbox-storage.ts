// Unsent messages in localStorage: one key a message, so that two tabs never overwrite each other's.

import type { OutboxItem, OutboxStorage } from './outbox';

export type KeyedStorage = Pick<Storage, 'getItem' | 'setItem' | 'removeItem' | 'key' | 'length'>;

export class LocalOutboxStorage implements OutboxStorage {
  #storage: KeyedStorage;
  #prefix: string;

  /** `account` is a user's id: another account on the same browser does not send these. */
  constructor(storage: KeyedStorage, account: string) {
    this.#storage = storage;
    this.#prefix = `plaza.outbox.${account}.`;
  }

  load(): Promise<OutboxItem[]> {
    const items: OutboxItem[] = [];
    for (let i = 0; i < this.#storage.length; i += 1) {
      const key = this.#storage.key(i);
      const text = key?.startsWith(this.#prefix) ? this.#storage.getItem(key) : null;
      const item = text === null ? undefined : parse(text);
      if (item !== undefined) items.push(item);
    }
    return Promise.resolve(items);
  }

  put(item: OutboxItem): Promise<void> {
    try {
      this.#storage.setItem(this.#prefix + item.clientId, JSON.stringify(item));
    } catch {
      // The quota is used up: the message is still sent by this page, it just does not outlive it.
    }
    return Promise.resolve();
  }

  remove(clientId: string): Promise<void> {
    this.#storage.removeItem(this.#prefix + clientId);
    return Promise.resolve();
  }
}

function parse(text: string): OutboxItem | undefined {
  try {
    const item = JSON.parse(text) as Partial<OutboxItem>;
    const whole =
      typeof item.clientId === 'string' &&
      typeof item.roomId === 'string' &&
      typeof item.text === 'string' &&
      typeof item.writtenAt === 'number';
    return whole ? ({ state: 'queued', attempts: 0, ...item } as OutboxItem) : undefined;
  } catch {
    return undefined;
  }
}
