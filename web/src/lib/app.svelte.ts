// Who is signed in, and the chat that belongs to them.

import { Chat, Credentials, type Refused } from '../../sdk/src';

class App {
  readonly credentials = new Credentials(localStorage);
  chat = $state.raw<Chat | undefined>();
  /** Why the sign-in page is shown, when there is a reason. */
  reason = $state('');

  constructor() {
    if (this.credentials.present) this.#enter();
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

  async logOut(): Promise<void> {
    this.#leave('');
    await this.credentials.logOut();
  }

  /** Back to the sign-in page, forgetting whoever it was. */
  abandon(reason: string): void {
    this.#leave(reason);
    void this.credentials.forget();
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
    if (error.code === 'unauthorized' || chat.me.get() === undefined) this.abandon(error.message);
  }
}

export const app = new App();
