// Where unsent messages outlive the page: IndexedDB, which all tabs of a browser share and which holds as much as
// anybody writes. Where there is none, memory: then a message is sent by this page or not at all.

import { Database } from './database';
import type { OutboxItem } from './outbox-item';

/** Where unsent messages are kept, by `clientId`. */
export interface OutboxStorage {
  /** Every message that is kept, in any order. */
  load(): Promise<OutboxItem[]>;
  put(item: OutboxItem): Promise<void>;
  remove(clientId: string): Promise<void>;
}

/** One account's messages. Another account on the same browser does not send these. */
export class IndexedDbOutboxStorage implements OutboxStorage {
  #database = new Database('plaza.outbox', 'messages', { keyPath: ['account', 'clientId'] });
  #account: string;

  /** `account` is a user's id. */
  constructor(account: string) {
    this.#account = account;
  }

  async load(): Promise<OutboxItem[]> {
    const whose = IDBKeyRange.bound([this.#account], [this.#account, []]);
    const found = await this.#database.run<unknown[]>('readonly', (store, give) => {
      const request: IDBRequest<unknown[]> = store.getAll(whose);
      request.onsuccess = () => give(request.result);
    });
    return (found ?? []).flatMap((value) => itemOf(value) ?? []);
  }

  async put(item: OutboxItem): Promise<void> {
    await this.#database.run('readwrite', (store) => store.put({ account: this.#account, ...item }));
  }

  async remove(clientId: string): Promise<void> {
    await this.#database.run('readwrite', (store) => store.delete([this.#account, clientId]));
  }
}

/** For programs that end when they have said what they have to say. */
export class MemoryOutboxStorage implements OutboxStorage {
  #items: Map<string, OutboxItem>;

  constructor(items = new Map<string, OutboxItem>()) {
    this.#items = items;
  }

  load(): Promise<OutboxItem[]> {
    return Promise.resolve([...this.#items.values()]);
  }

  put(item: OutboxItem): Promise<void> {
    this.#items.set(item.clientId, item);
    return Promise.resolve();
  }

  remove(clientId: string): Promise<void> {
    this.#items.delete(clientId);
    return Promise.resolve();
  }
}

/** What was kept by this or an older page, or `undefined` for what makes no sense. */
function itemOf(value: unknown): OutboxItem | undefined {
  const item = { ...(value ?? {}) } as Partial<OutboxItem> & { account?: unknown };
  delete item.account;
  const whole =
    typeof item.clientId === 'string' &&
    typeof item.roomId === 'string' &&
    typeof item.text === 'string' &&
    typeof item.writtenAt === 'number';
  return whole ? ({ state: 'queued', attempts: 0, ...item } as OutboxItem) : undefined;
}
