// Who one is: the access token in memory, the refresh or guest token where every tab of the browser finds it.
//
// A refresh token is for one use. The server takes a used one again for a minute, so tabs that refresh together do no
// harm; a tab that came with an old one later would look like a thief and end the session. So refreshing holds a lock
// and reads the token inside it. A browser holds one log-in, and a tab may still be in an earlier one: what it does
// then touches nothing of the later one.

import { Refused } from './failure';
import type { Tokens, User } from './protocol';
import { randomId } from './random';
import type { Rest } from './rest';
import { TokenStore } from './token-store';

/** The part of `localStorage` that is used. */
export type TextStorage = Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>;

/** Which log-in there is a refresh token of, for those who cannot wait to know. */
const LOGIN = 'plaza.login';
const GUEST_TOKEN = 'plaza.guest';
/** An access token this close to its end is not used any more. */
const MARGIN_MS = 30_000;

export class Credentials {
  #storage: TextStorage;
  #rest: Rest;
  #refreshToken = new TokenStore();
  #access: { token: string; until: number } | undefined;
  /** The log-in or guest that this tab is in. */
  #mine: string | undefined;
  /** A name to become a guest under, until the server has given a token for it. */
  #guestName: string | undefined;

  constructor(storage: TextStorage, rest: Rest) {
    this.#storage = storage;
    this.#rest = rest;
    this.#mine = this.#held;
  }

  /** Whether there is anything to connect with. */
  get present(): boolean {
    return this.#guestName !== undefined || this.#held !== undefined;
  }

  /** Whether the browser holds something else than this tab is in: another tab signed out, or in again. */
  get changed(): boolean {
    return this.#guestName === undefined && this.#held !== this.#mine;
  }

  async register(name: string, password: string): Promise<User> {
    return this.#logIn(await this.#rest.register(name, password));
  }

  async logIn(name: string, password: string): Promise<User> {
    return this.#logIn(await this.#rest.login(name, password));
  }

  /** Be a new guest at the next connect. */
  async beGuest(name: string): Promise<void> {
    this.#mine = this.#held;
    await this.forget();
    this.#guestName = name;
  }

  /** The token that a new guest's first session brought. */
  guestToken(token: string): void {
    this.#guestName = undefined;
    this.#storage.removeItem(LOGIN);
    this.#storage.setItem(GUEST_TOKEN, token);
    this.#mine = token;
  }

  /**
   * What to show the server: a token, or a name to be a guest under.
   * @throws Refused when the refresh token no longer holds, Lost when the server cannot be reached
   */
  async proof(fresh = false): Promise<{ token: string } | { guest: string }> {
    if (this.#guestName !== undefined) return { guest: this.#guestName };
    const guest = this.#storage.getItem(GUEST_TOKEN);
    if (guest !== null && guest === this.#mine) {
      if (fresh) throw signedOut();
      return { token: guest };
    }
    if (!fresh && this.#access !== undefined && this.#access.until > Date.now() + MARGIN_MS) {
      return { token: this.#access.token };
    }
    await exclusively(async () => {
      const kept = await this.#refreshToken.get();
      if (kept === undefined || kept.login !== this.#mine) throw signedOut();
      const tokens = await this.#rest.refresh(kept.token);
      await this.#refreshToken.renew({ login: kept.login, token: tokens.refreshToken });
      this.#take(tokens);
    });
    if (this.#access === undefined) throw signedOut();
    return { token: this.#access.token };
  }

  /**
   * A token for the REST interface.
   * @throws Refused for a guest who has none yet, and as `proof`
   */
  async token(): Promise<string> {
    const proof = await this.proof();
    if (!('token' in proof)) throw signedOut();
    return proof.token;
  }

  /** Forget everything here, and tell the server, as well as that is possible. */
  async logOut(): Promise<void> {
    const kept = await this.#refreshToken.get();
    const guest = this.#storage.getItem(GUEST_TOKEN);
    const token = guest === this.#mine ? guest : kept?.login === this.#mine ? kept?.token : undefined;
    await this.forget();
    if (token !== null && token !== undefined) await this.#rest.logout(token).catch(() => undefined);
  }

  /** Forget what this tab is in. What another tab signed in to since stays. */
  async forget(): Promise<void> {
    const mine = this.#mine;
    this.#access = undefined;
    this.#guestName = undefined;
    this.#mine = undefined;
    if (mine === undefined) return;
    for (const key of [LOGIN, GUEST_TOKEN]) {
      if (this.#storage.getItem(key) === mine) this.#storage.removeItem(key);
    }
    await this.#refreshToken.clear(mine);
  }

  get #held(): string | undefined {
    return this.#storage.getItem(GUEST_TOKEN) ?? this.#storage.getItem(LOGIN) ?? undefined;
  }

  async #logIn(tokens: Tokens): Promise<User> {
    const login = randomId();
    await this.#refreshToken.set({ login, token: tokens.refreshToken });
    this.#take(tokens);
    this.#guestName = undefined;
    this.#mine = login;
    this.#storage.removeItem(GUEST_TOKEN);
    this.#storage.setItem(LOGIN, login);
    return tokens.user;
  }

  #take(tokens: Tokens): void {
    this.#access = { token: tokens.accessToken, until: Date.now() + tokens.accessTokenExpiresInMs };
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
