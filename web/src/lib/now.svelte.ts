// The time, as far as the page shows it: "Today" and "5 minutes ago" grow old while nothing happens.

import { dayOf } from './words';

const EVERY_MS = 30_000;

class Now {
  at = $state.raw(new Date());
  /** The local day. */
  readonly day = $derived(dayOf(this.at));

  constructor() {
    const look = () => (this.at = new Date());
    setInterval(look, EVERY_MS);
    // A page that nobody sees is woken less often.
    document.addEventListener('visibilitychange', look);
  }
}

export const now = new Now();
