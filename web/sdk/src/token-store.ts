// The refresh token, where every tab finds the newest one.
//
// A refresh token works once, so a tab that reads an old one loses the session. localStorage is a copy in each
// tab that follows a moment later; a transaction of IndexedDB sees what the one before it wrote.

const DATABASE = 'plaza';
const STORE = 'tokens';
const KEY = 'refresh';

/** A refresh token, and which log-in it continues. */
export interface KeptToken {
  login: string;
  token: string;
}

export class TokenStore {
  #database: Promise<IDBDatabase> | undefined;

  async get(): Promise<KeptToken | undefined> {
    return this.#run('readonly', (store, give) => {
      const request: IDBRequest<unknown> = store.get(KEY);
      request.onsuccess = () => give(kept(request.result));
    });
  }

  async set(token: KeptToken): Promise<void> {
    await this.#run('readwrite', (store) => store.put(token, KEY));
  }

  /** Puts the next token of a log-in in the place of the one before. That of another log-in stays. */
  async renew(token: KeptToken): Promise<void> {
    await this.#ifOf(token.login, (store) => store.put(token, KEY));
  }

  /** Removes the token of this log-in. That of a later one, made in another tab, stays. */
  async clear(login: string): Promise<void> {
    await this.#ifOf(login, (store) => store.delete(KEY));
  }

  async #ifOf(login: string, work: (store: IDBObjectStore) => unknown): Promise<void> {
    await this.#run('readwrite', (store) => {
      const request: IDBRequest<unknown> = store.get(KEY);
      request.onsuccess = () => {
        if (kept(request.result)?.login === login) work(store);
      };
    });
  }

  /** Resolves when the transaction is complete, so that whoever begins one later sees it. */
  async #run<T>(
    mode: IDBTransactionMode,
    work: (store: IDBObjectStore, give: (value: T | undefined) => void) => unknown,
  ): Promise<T | undefined> {
    this.#database ??= open();
    const transaction = (await this.#database).transaction(STORE, mode);
    let result: T | undefined;
    work(transaction.objectStore(STORE), (value) => (result = value));
    return new Promise((resolve, reject) => {
      transaction.oncomplete = () => resolve(result);
      transaction.onabort = () => reject(transaction.error ?? new Error('The token could not be kept.'));
    });
  }
}

function kept(value: unknown): KeptToken | undefined {
  const { login, token } = (value ?? {}) as Partial<KeptToken>;
  return typeof login === 'string' && typeof token === 'string' ? { login, token } : undefined;
}

function open(): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(DATABASE, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE);
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error('The browser keeps nothing for this page.'));
  });
}
