// Somebody at a browser, in the words of what they do.

import { expect, type Browser, type BrowserContextOptions, type Locator, type Page } from '@playwright/test';

export const PASSWORD = 'correct horse battery';

/** What is done to a page before it is loaded. */
export type Prepare = (page: Page) => Promise<void>;

export interface Line {
  seq: number;
  text: string;
}

export class Person {
  readonly page: Page;
  /** What the content security policy had to forbid, and what the page threw. */
  readonly faults: string[] = [];

  private constructor(page: Page) {
    this.page = page;
    page.on('pageerror', (error) => this.faults.push(`threw: ${error.message}`));
    page.on('console', (message) => {
      if (/Content Security Policy/i.test(message.text())) this.faults.push(message.text());
    });
    page.on('dialog', (dialog) => {
      this.faults.push(`dialog: ${dialog.message()}`);
      void dialog.dismiss();
    });
  }

  static async at(
    browser: Browser,
    url: string,
    options: BrowserContextOptions = {},
    before: Prepare = () => Promise.resolve(),
  ): Promise<Person> {
    const context = await browser.newContext({ baseURL: url, ...options });
    const person = new Person(await context.newPage());
    await before(person.page);
    await person.page.addInitScript(() => {
      addEventListener('securitypolicyviolation', (event) => {
        console.error(`Content Security Policy: ${event.violatedDirective} ${event.blockedURI}`);
      });
    });
    await person.page.goto('/');
    return person;
  }

  async register(name: string): Promise<void> {
    await this.page.getByText('Register', { exact: true }).click();
    await this.page.getByLabel('Name').fill(name);
    await this.page.getByLabel('Password').fill(PASSWORD);
    await this.page.getByRole('button', { name: 'Create account' }).click();
    await this.signedIn(name);
  }

  async beGuest(name: string): Promise<void> {
    await this.page.getByText('Guest', { exact: true }).click();
    await this.page.getByLabel('Name').fill(name);
    await this.page.getByRole('button', { name: 'Continue as guest' }).click();
    await this.signedIn(name);
  }

  async signedIn(name: string): Promise<void> {
    await expect(this.page.getByRole('button', { name: 'Sign out' })).toBeVisible();
    await expect(this.page.locator('.sidebar .you')).toContainText(name);
  }

  async joinPublic(roomId: string): Promise<void> {
    await this.page.getByRole('button', { name: 'New', exact: true }).click();
    await this.page.getByLabel('Room id').fill(roomId);
    await this.page.getByRole('button', { name: 'Join room' }).click();
    await expect(this.page.getByRole('heading', { name: roomId })).toBeVisible();
  }

  async createGroup(name: string): Promise<void> {
    await this.page.getByRole('button', { name: 'New', exact: true }).click();
    await this.page.getByLabel('Group name').fill(name);
    await this.page.getByRole('button', { name: 'Create group' }).click();
    await expect(this.page.getByRole('heading', { name })).toBeVisible();
  }

  async addMember(name: string): Promise<void> {
    await this.openMembers();
    await this.page.getByLabel('Add somebody by name').fill(name);
    await this.page.getByRole('button', { name: 'Add', exact: true }).click();
    await expect(this.page.getByRole('complementary', { name: 'Members' })).toContainText(name);
  }

  get members(): Locator {
    return this.page.getByRole('complementary', { name: 'Members' });
  }

  async openMembers(): Promise<void> {
    if (await this.members.isVisible()) return;
    await this.page.getByRole('button', { name: 'Members', exact: true }).click();
    await expect(this.members).toBeVisible();
  }

  /** Opens somebody's menu in the members panel. */
  async menuOf(name: string): Promise<Locator> {
    await this.openMembers();
    await this.members.getByRole('button', { name: `Actions for ${name}` }).click();
    return this.page.getByRole('menu');
  }

  /** Chooses from somebody's menu, and says yes if that is asked about. */
  async does(action: string, name: string, yes?: string): Promise<void> {
    const menu = await this.menuOf(name);
    await menu.getByRole('menuitem', { name: action, exact: true }).click();
    if (yes !== undefined) await this.confirms(yes);
  }

  async confirms(yes: string): Promise<void> {
    await this.page.getByRole('alertdialog').getByRole('button', { name: yes, exact: true }).click();
  }

  async logIn(name: string, password = PASSWORD): Promise<void> {
    await this.page.getByLabel('Name').fill(name);
    await this.page.getByLabel('Password').fill(password);
    await this.page.getByRole('button', { name: 'Sign in' }).click();
  }

  async settings(): Promise<void> {
    await this.page.getByRole('link', { name: 'Settings' }).click();
    await expect(this.page.getByRole('heading', { name: 'Settings' })).toBeVisible();
  }

  get composer(): Locator {
    return this.page.getByRole('textbox', { name: /^Message / });
  }

  get timeline(): Locator {
    return this.page.getByRole('log');
  }

  get banner(): Locator {
    return this.page.locator('[data-phase]');
  }

  room(name: string): Locator {
    return this.page.getByRole('navigation', { name: 'Rooms' }).getByRole('link', { name });
  }

  message(text: string): Locator {
    return this.timeline.locator('li', { hasText: text });
  }

  async write(text: string): Promise<void> {
    await this.composer.fill(text);
    await this.composer.press('Enter');
  }

  async sees(text: string): Promise<void> {
    await expect(this.message(text).first()).toBeVisible();
  }

  /** Every message shown, in the order it is shown; its position as the page knows it. */
  async lines(): Promise<Line[]> {
    return this.timeline.locator('li[data-seq]:has(.text)').evaluateAll((rows) =>
      rows.map((row) => ({
        seq: Number(row.getAttribute('data-seq')),
        text: row.querySelector('.text')?.textContent ?? '',
      })),
    );
  }

  /** Messages that the log has not been seen to hold. */
  get unsettled(): Locator {
    return this.timeline.locator(
      'li[data-state="queued"], li[data-state="sending"], li[data-state="failed"]',
    );
  }

  /** Loads everything up to the room's beginning. */
  async scrollToBeginning(): Promise<void> {
    await expect(async () => {
      await this.timeline.evaluate((element) => (element.scrollTop = 0));
      await expect(this.timeline.getByText('This is the beginning of')).toBeVisible({ timeout: 200 });
    }).toPass();
  }

  /** Collects what the banner says from now on. */
  async watchBanner(): Promise<() => Promise<string[]>> {
    await this.page.evaluate(() => {
      const place = document.querySelector('[data-phase]');
      if (place === null) throw new Error('no banner');
      const said: string[] = [];
      Object.assign(globalThis, { said });
      const note = () => {
        const text = place.textContent?.replace(/\s+/g, ' ').trim() ?? '';
        if (text !== '' && said.at(-1) !== text) said.push(text);
      };
      new MutationObserver(note).observe(place, { subtree: true, childList: true, characterData: true });
      note();
    });
    return () => this.page.evaluate(() => (globalThis as unknown as { said: string[] }).said);
  }
}

/** Puts a message into the page's store whose clientId is too long: the server refuses it for good. */
export async function storeUnsendable(page: Page, token: string, text: string): Promise<void> {
  const headers = { authorization: `Bearer ${token}` };
  const me = await page.request.get('/api/v1/me', { headers });
  const { user } = (await me.json()) as { user: { id: string } };
  const clientId = 'x'.repeat(65);
  const item = { clientId, roomId: 'general', text, writtenAt: Date.now(), state: 'queued', attempts: 0 };
  await page.evaluate(
    (value) =>
      new Promise((resolve, reject) => {
        const opening = indexedDB.open('plaza.outbox', 1);
        opening.onerror = () => reject(opening.error);
        opening.onsuccess = () => {
          const transaction = opening.result.transaction('messages', 'readwrite');
          transaction.objectStore('messages').put(value);
          transaction.oncomplete = resolve;
        };
      }),
    { account: user.id, ...item },
  );
}

/** What the browser keeps to be sent later. */
export async function stored(page: Page): Promise<{ text: string; state: string }[]> {
  return page.evaluate(
    () =>
      new Promise<{ text: string; state: string }[]>((resolve, reject) => {
        const opening = indexedDB.open('plaza.outbox', 1);
        opening.onerror = () => reject(opening.error);
        opening.onsuccess = () => {
          const all = opening.result.transaction('messages').objectStore('messages').getAll();
          all.onsuccess = () => resolve(all.result as { text: string; state: string }[]);
        };
      }),
  );
}

/** Reads the page's refresh token, and puts another in its place when one is given. */
export async function refreshToken(page: Page, replacement?: string): Promise<string> {
  type Kept = { login: string; token: string };
  const kept = await page.evaluate(
    (other) =>
      new Promise<Kept>((resolve, reject) => {
        const opening = indexedDB.open('plaza', 1);
        opening.onerror = () => reject(opening.error);
        opening.onsuccess = () => {
          const transaction = opening.result.transaction('tokens', 'readwrite');
          const tokens = transaction.objectStore('tokens');
          const reading = tokens.get('refresh') as IDBRequest<Kept>;
          reading.onsuccess = () => {
            if (other !== undefined) tokens.put({ ...reading.result, token: other }, 'refresh');
          };
          transaction.oncomplete = () => resolve(reading.result);
        };
      }),
    replacement,
  );
  return kept.token;
}
