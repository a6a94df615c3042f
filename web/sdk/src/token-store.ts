// The refresh token, where every tab finds the newest one.
//
// A token that was used is taken again for a minute; a tab that came with an older one would end the session.
// localStorage is a copy in each tab that follows a moment later, and a tab may sleep for hours; a transaction of
// IndexedDB sees what the one before it wrote.

import { Database } from './database';

const KEY = 'refresh';

/** A refresh token, and which log-in it continues. */
export interface KeptToken {
  login: string;
  token: string;
}

export class TokenStore {
  #database = new Database('plaza', 'tokens');

  async get(): Promise<KeptToken | undefined> {
    return this.#database.run<KeptToken | undefined>('readonly', (store, give) => {
      const request: IDBRequest<unknown> = store.get(KEY);
      request.onsuccess = () => give(kept(request.result));
    });
  }

  async set(token: KeptToken): Promise<void> {
    await this.#database.run('readwrite', (store) => store.put(token, KEY));
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
    await this.#database.run('readwrite', (store) => {
      const request: IDBRequest<unknown> = store.get(KEY);
      request.onsuccess = () => {
        if (kept(request.result)?.login === login) work(store);
      };
    });
  }
}

function kept(value: unknown): KeptToken | undefined {
  const { login, token } = (value ?? {}) as Partial<KeptToken>;
  return typeof login === 'string' && typeof token === 'string' ? { login, token } : undefined;
}
