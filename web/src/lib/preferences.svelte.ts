// What somebody chose about this browser.

export type NotifyFor = 'all' | 'direct' | 'none';

const KEY = 'plaza.notify';
const DESKTOP = 'plaza.notify.desktop';
const LOAD_FOREIGN = 'plaza.load-foreign';
const CHOICES: readonly string[] = ['all', 'direct', 'none'] satisfies NotifyFor[];

class Preferences {
  #notify = $state<NotifyFor>('direct');
  #desktop = $state(false);
  #loadForeign = $state(false);

  constructor() {
    const kept = localStorage.getItem(KEY);
    if (kept !== null && CHOICES.includes(kept)) this.#notify = kept as NotifyFor;
    this.#desktop = localStorage.getItem(DESKTOP) === 'on';
    this.#loadForeign = localStorage.getItem(LOAD_FOREIGN) === 'on';
  }

  /** Which messages are told of while one looks elsewhere. */
  get notify(): NotifyFor {
    return this.#notify;
  }

  set notify(choice: NotifyFor) {
    this.#notify = choice;
    localStorage.setItem(KEY, choice);
  }

  /** Whether they are also told of outside the page. */
  get desktop(): boolean {
    return this.#desktop;
  }

  set desktop(on: boolean) {
    this.#desktop = on;
    if (on) localStorage.setItem(DESKTOP, 'on');
    else localStorage.removeItem(DESKTOP);
  }

  /** Whether pictures and sounds that lie on other servers are loaded before one asks for them. */
  get loadForeign(): boolean {
    return this.#loadForeign;
  }

  set loadForeign(on: boolean) {
    this.#loadForeign = on;
    if (on) localStorage.setItem(LOAD_FOREIGN, 'on');
    else localStorage.removeItem(LOAD_FOREIGN);
  }
}

export const preferences = new Preferences();
