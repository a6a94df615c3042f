// A database of the browser with one store, and transactions on it as promises.

/** The work of one transaction: `give` what it shall resolve to. */
type Work<T> = (store: IDBObjectStore, give: (value: T) => void) => unknown;

export class Database {
  #name: string;
  #store: string;
  #options: IDBObjectStoreParameters;
  #opened: Promise<IDBDatabase> | undefined;

  constructor(name: string, store: string, options: IDBObjectStoreParameters = {}) {
    this.#name = name;
    this.#store = store;
    this.#options = options;
  }

  /** Resolves when the transaction is complete, so that whoever begins one later sees it. */
  async run<T>(mode: IDBTransactionMode, work: Work<T>): Promise<T | undefined> {
    this.#opened ??= this.#open();
    let database: IDBDatabase;
    try {
      database = await this.#opened;
    } catch (failure) {
      // A browser that refuses now may not the next time.
      this.#opened = undefined;
      throw failure;
    }
    const transaction = database.transaction(this.#store, mode);
    let result: T | undefined;
    work(transaction.objectStore(this.#store), (value) => (result = value));
    return new Promise((resolve, reject) => {
      transaction.oncomplete = () => resolve(result);
      transaction.onabort = () => reject(transaction.error ?? new Error('The browser could not store it.'));
    });
  }

  #open(): Promise<IDBDatabase> {
    return new Promise((resolve, reject) => {
      const request = indexedDB.open(this.#name, 1);
      request.onupgradeneeded = () => request.result.createObjectStore(this.#store, this.#options);
      request.onsuccess = () => {
        // A later version of the page may want to change it, in another tab.
        request.result.onversionchange = () => request.result.close();
        request.result.onclose = () => (this.#opened = undefined);
        resolve(request.result);
      };
      request.onerror = () => reject(request.error ?? new Error('The browser keeps nothing for this page.'));
    });
  }
}
