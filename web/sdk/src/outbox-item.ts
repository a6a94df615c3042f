// A message on its way.

import type { Code, Seq } from './protocol';

export interface OutboxItem {
  readonly clientId: string;
  readonly roomId: string;
  readonly text: string;
  /** Milliseconds since 1970, by this browser's clock; for showing and for order among one's own. */
  readonly writtenAt: number;
  readonly state: 'queued' | 'sending' | 'sent' | 'failed';
  /** When sent: its position. */
  readonly seq?: Seq;
  /** When failed: why. */
  readonly reason?: string;
  readonly code?: Code;
  readonly attempts: number;
}
