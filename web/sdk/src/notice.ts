// What happened to one's rooms that no room can show any more. Data; a page finds the words.

import type { User } from './protocol';

/** How one came to be in a room no more. */
export type Loss =
  | { kind: 'left' }
  | { kind: 'removed' | 'banned'; by: User }
  /** It is not known how. */
  | { kind: 'gone' };

/** `unsent` messages for the room were given up. */
export type News = (Loss & { room: string; unsent: number }) | { kind: 'problem'; text: string };

export type Notice = { id: number } & News;
