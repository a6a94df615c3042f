// Whom one does not want to hear from.

import type { Connection } from './connection';
import type { User } from './protocol';
import { Store } from './store';

export class Blocked {
  /** By name; undefined until it was asked for. */
  readonly users = new Store<readonly User[] | undefined>(undefined);
  #request: Connection['request'];

  constructor(request: Connection['request']) {
    this.#request = request;
  }

  /** Ask whom. */
  async load(): Promise<void> {
    this.users.set((await this.#request('user:blocked', {})).users);
  }

  has(userId: string): boolean {
    return this.users.get()?.some(({ id }) => id === userId) ?? false;
  }

  async block(user: User): Promise<void> {
    await this.#request('user:block', { user: user.id });
    this.users.update((users) =>
      [...(users ?? []).filter(({ id }) => id !== user.id), user].sort((a, b) =>
        a.name.localeCompare(b.name),
      ),
    );
  }

  async unblock(user: User): Promise<void> {
    await this.#request('user:unblock', { user: user.id });
    this.users.update((users) => users?.filter(({ id }) => id !== user.id));
  }
}
