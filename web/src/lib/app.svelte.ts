// Who is signed in, and the chat that belongs to them.

import { Chat, Credentials, Rest, type Refused } from '../../sdk/src';
import { loadConfig } from './config';
import { drafts } from './drafts';
import { tellOf } from './notify';
import { router } from './route.svelte';
import { t } from './text';

class App {
  readonly rest: Rest;
  readonly credentials: Credentials;
  #url: string;
  #stopTelling: () => void = () => undefined;
  chat = $state.raw<Chat | undefined>();
  /** Why the sign-in page is shown, when there is a reason. */
  reason = $state('');

  /** `apiBaseUrl` is where the server is; empty: where the page comes from. */
  constructor(apiBaseUrl: string) {
    this.#url = apiBaseUrl;
    this.rest = new Rest(apiBaseUrl);
    this.credentials = new Credentials(localStorage, this.rest);
    if (this.credentials.present) this.#enter();
    addEventListener('storage', () => this.#follow());
  }

  async register(name: string, password: string): Promise<void> {
    await this.credentials.register(name, password);
    this.#enter();
  }

  async logIn(name: string, password: string): Promise<void> {
    await this.credentials.logIn(name, password);
    this.#enter();
  }

  async beGuest(name: string): Promise<void> {
    await this.credentials.beGuest(name);
    this.#enter();
  }

  /** Nothing of this person stays in the browser. */
  async logOut(): Promise<void> {
    await this.#discard();
    this.#leave('');
    router.go('/');
    await this.credentials.logOut();
  }

  /** Back to the sign-in page, forgetting whoever it was. */
  abandon(reason: string): void {
    this.#leave(reason);
    void this.credentials.forget();
  }

  /** A browser is one person in all its tabs: where another tab signed in or out, this one follows. */
  #follow(): void {
    if (!this.credentials.changed) return;
    if (this.credentials.present) {
      location.reload();
      return;
    }
    void this.#discard();
    this.abandon(t.signIn.elsewhere);
  }

  /** What was written and did not arrive. */
  async #discard(): Promise<void> {
    drafts.clear();
    await this.chat?.outbox.get()?.discardAll();
  }

  #leave(reason: string): void {
    this.#stopTelling();
    this.chat?.close();
    this.chat = undefined;
    this.reason = reason;
  }

  #enter(): void {
    this.chat?.close();
    this.reason = '';
    const chat = new Chat({
      credentials: this.credentials,
      accountChanged: () => location.reload(),
      ...(this.#url === '' ? {} : { url: this.#url }),
    });
    this.chat = chat;
    this.#stopTelling();
    this.#stopTelling = tellOf(chat);
    chat.connection.state.subscribe((state) => {
      if (state.phase === 'refused') this.#refused(chat, state.error);
    });
    chat.connection.open();
  }

  #refused(chat: Chat, error: Refused): void {
    if (chat !== this.chat) return;
    if (error.code !== 'unauthorized' && chat.me.get() !== undefined) return;
    if (this.credentials.changed) this.#follow();
    else this.abandon(error.message);
  }
}

export const app = new App((await loadConfig()).apiBaseUrl);
