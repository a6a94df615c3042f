// Who is signed in, and the chat that belongs to them.

import { Chat, Credentials, type Refused } from '../../sdk/src';
import { drafts } from './drafts';
import { router } from './route.svelte';

class App {
  readonly credentials = new Credentials(localStorage);
  chat = $state.raw<Chat | undefined>();
  /** Why the sign-in page is shown, when there is a reason. */
  reason = $state('');

  constructor() {
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
    this.#discard();
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
    this.#discard();
    this.abandon('You signed out in another tab.');
  }

  /** What was written and did not arrive. */
  #discard(): void {
    this.chat?.outbox.get()?.discardAll();
    drafts.clear();
  }

  #leave(reason: string): void {
    this.chat?.close();
    this.chat = undefined;
    this.reason = reason;
  }

  #enter(): void {
    this.chat?.close();
    this.reason = '';
    const chat = new Chat({
      credentials: this.credentials,
      storage: localStorage,
      accountChanged: () => location.reload(),
    });
    this.chat = chat;
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

export const app = new App();
