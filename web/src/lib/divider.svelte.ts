// The line above what is unread: drawn once for an absence, and it stays until the next one.

import type { Seq } from '../../sdk/src';

export class Divider {
  /** Others' messages above this were unread when one came (back). */
  at = $state<Seq | undefined>();
  /** How many those were. */
  count = $state(0);

  /**
   * Something unread came while one was not there. `first`: all before it had been read, so another absence begins;
   * else the line stays, also where one has read some of what it stands above: it would move what is looked at.
   */
  missed(readSeq: Seq, unread: number, first: boolean): void {
    if (this.at !== undefined && !first) {
      this.count = Math.max(this.count, unread);
      return;
    }
    this.at = readSeq;
    this.count = unread;
  }

  /** One has answered, so one has read. */
  clear(): void {
    this.at = undefined;
    this.count = 0;
  }
}
