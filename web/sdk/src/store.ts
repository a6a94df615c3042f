// A value that can be watched, without a framework. `subscribe` keeps the contract of Svelte's stores, so a
// component may write `$store`; anything else may call it too.

export interface Readable<T> {
  /** Calls back at once with the value, then at every change, until the returned function is called. */
  subscribe(listener: (value: T) => void): () => void;
  get(): T;
}

export class Store<T> implements Readable<T> {
  #value: T;
  #listeners = new Set<(value: T) => void>();

  constructor(value: T) {
    this.#value = value;
  }

  get(): T {
    return this.#value;
  }

  set(value: T): void {
    if (Object.is(value, this.#value)) return;
    this.#value = value;
    for (const listener of [...this.#listeners]) listener(value);
  }

  update(change: (value: T) => T): void {
    this.set(change(this.#value));
  }

  subscribe(listener: (value: T) => void): () => void {
    this.#listeners.add(listener);
    listener(this.#value);
    return () => this.#listeners.delete(listener);
  }
}
