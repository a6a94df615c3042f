// Who one is: the access token in memory, the refresh or guest token where every tab of the browser finds it.
//
// A refresh token works once. Two tabs that used the same one would look like a thief to the server, so
// refreshing holds a lock and reads the token inside it.

import { Refused } from './failure';
import type { Tokens, User } from './protocol';
import { rest } from './rest';
import { TokenStore } from './token-store';

/** The part of `localStorage` that is used. */
export type TextStorage = Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>;

/** Says that there is a refresh token, for those who cannot wait to know. */
const ACCOUNT = 'plaza.account';
const GUEST_TOKEN = 'plaza.guest';
/** An access token this close to its end is not used any more. */
const MARGIN_MS = 30_000;

export class Credentials {
  #storage: TextStorage;
  #refreshToken = new TokenStore();
  #access: { token: string; until: number } | undefined;
  /** A name to become a guest under, until the server has given a token for it. */
  #guestName: string | undefined;

  constructor(storage: TextStorage) {
    this.#storage = storage;
  }

  /** Whether there is anything to connect with. */
  get present(): boolean {
    return (
      this.#guestName !== undefined ||
      this.#storage.getItem(ACCOUNT) !== null ||
      this.#storage.getItem(GUEST_TOKEN) !== null
    );
  }

  async register(name: string, password: string): Promise<User> {
    return this.#take(await rest.register(name, password));
  }

  async logIn(name: string, password: string): Promise<User> {
    return this.#take(await rest.login(name, password));
  }

  /** Be a new guest at the next connect. */
  async beGuest(name: string): Promise<void> {
    await this.forget();
    this.#guestName = name;
  }

  /** The token that a new guest's first session brought. */
  guestToken(token: string): void {
    this.#guestName = undefined;
    this.#storage.setItem(GUEST_TOKEN, token);
  }

  /**
   * What to show the server: a token, or a name to be a guest under.
   * @throws Refused when the refresh token no longer holds, Lost when the server cannot be reached
   */
  async proof(fresh = false): Promise<{ token: string } | { guest: string }> {
    if (this.#guestName !== undefined) return { guest: this.#guestName };
    const guest = this.#storage.getItem(GUEST_TOKEN);
    if (guest !== null) {
      if (fresh) throw signedOut();
      return { token: guest };
    }
    if (!fresh && this.#access !== undefined && this.#access.until > Date.now() + MARGIN_MS) {
      return { token: this.#access.token };
    }
    await exclusively(async () => {
      const refreshToken = await this.#refreshToken.get();
      if (refreshToken === undefined) throw signedOut();
      await this.#take(await rest.refresh(refreshToken));
    });
    if (this.#access === undefined) throw signedOut();
    return { token: this.#access.token };
  }

  /** Forget everything here, and tell the server, as well as that is possible. */
  async logOut(): Promise<void> {
    const token = this.#storage.getItem(GUEST_TOKEN) ?? (await this.#refreshToken.get());
    await this.forget();
    if (token !== undefined) await rest.logout(token).catch(() => undefined);
  }

  async forget(): Promise<void> {
    this.#access = undefined;
    this.#guestName = undefined;
    this.#storage.removeItem(ACCOUNT);
    this.#storage.removeItem(GUEST_TOKEN);
    await this.#refreshToken.clear();
  }

  async #take(tokens: Tokens): Promise<User> {
    await this.#refreshToken.set(tokens.refreshToken);
    this.#guestName = undefined;
    this.#storage.removeItem(GUEST_TOKEN);
    this.#storage.setItem(ACCOUNT, tokens.user.id);
    this.#access = { token: tokens.accessToken, until: Date.now() + tokens.accessTokenExpiresInMs };
    return tokens.user;
  }
}

function signedOut(): Refused {
  return new Refused({
    code: 'unauthorized',
    message: 'You were signed out. Please sign in again.',
    retryable: false,
  });
}

/** One tab at a time, where the browser can do that (it needs HTTPS or localhost). */
function exclusively(work: () => Promise<void>): Promise<void> {
  if (typeof navigator === 'undefined' || !('locks' in navigator)) return work();
  return navigator.locks.request('plaza.refresh', work);
}
