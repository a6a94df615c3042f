// The refresh token, where every tab finds the newest one.
//
// A refresh token works once, so a tab that reads an old one loses the session. localStorage is a copy in each
// tab that follows a moment later; a transaction of IndexedDB sees what the one before it wrote.

const DATABASE = 'plaza';
const STORE = 'tokens';
const KEY = 'refresh';

export class TokenStore {
  #database: Promise<IDBDatabase> | undefined;

  async get(): Promise<string | undefined> {
    const value: unknown = await this.#run('readonly', (store) => store.get(KEY));
    return typeof value === 'string' ? value : undefined;
  }

  async set(token: string): Promise<void> {
    await this.#run('readwrite', (store) => store.put(token, KEY));
  }

  async clear(): Promise<void> {
    await this.#run('readwrite', (store) => store.delete(KEY));
  }

  /** Resolves when the transaction is complete, so that whoever begins one later sees it. */
  async #run<T>(mode: IDBTransactionMode, work: (store: IDBObjectStore) => IDBRequest<T>): Promise<T> {
    this.#database ??= open();
    const transaction = (await this.#database).transaction(STORE, mode);
    const request = work(transaction.objectStore(STORE));
    return new Promise((resolve, reject) => {
      transaction.oncomplete = () => resolve(request.result);
      transaction.onabort = () => reject(transaction.error ?? new Error('The token could not be kept.'));
    });
  }
}

function open(): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(DATABASE, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE);
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error('The browser keeps nothing for this page.'));
  });
}
