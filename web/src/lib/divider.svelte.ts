// The line above what is unread: drawn once for an absence, and it stays until the next one.

import type { Seq } from '../../sdk/src';

export class Divider {
  /** Others' messages above this were unread when one came (back). */
  at = $state<Seq | undefined>();
  /** How many those were. */
  count = $state(0);

  /** Something unread is there while one is not. `seen`: whether some of what the line stands above was read since. */
  missed(readSeq: Seq, unread: number, seen: boolean): void {
    if (this.at !== undefined && !seen) {
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
