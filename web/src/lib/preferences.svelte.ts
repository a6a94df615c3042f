// What somebody chose about this browser.

export type NotifyFor = 'all' | 'direct' | 'none';

const KEY = 'plaza.notify';
const DESKTOP = 'plaza.notify.desktop';
const CHOICES: readonly string[] = ['all', 'direct', 'none'] satisfies NotifyFor[];

class Preferences {
  #notify = $state<NotifyFor>('direct');
  #desktop = $state(false);

  constructor() {
    const kept = localStorage.getItem(KEY);
    if (kept !== null && CHOICES.includes(kept)) this.#notify = kept as NotifyFor;
    this.#desktop = localStorage.getItem(DESKTOP) === 'on';
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
}

export const preferences = new Preferences();
