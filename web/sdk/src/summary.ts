// What events of a room's log change in its summary.

import type { RoomSummary, Seq } from './protocol';
import type { RoomEvent } from './wire';

/**
 * The summary after these events, none of which it knows: how far the log goes, what is unread, who the room's members
 * are by number, its name, and what one may do there. Others' messages above `readSeq` are unread.
 */
export function tally(
  summary: RoomSummary,
  events: readonly RoomEvent[],
  me: string,
  isMember: (userId: string) => boolean = () => false,
  readSeq: Seq = summary.readSeq,
): RoomSummary {
  const after = { ...summary };
  for (const event of events) {
    if (event.seq >= after.seq) [after.seq, after.at] = [event.seq, event.at];
    switch (event.type) {
      case 'message':
        if (event.seq > readSeq && event.sender.id !== me) after.unread += 1;
        break;
      case 'member:added':
        after.members += 1;
        break;
      case 'member:removed':
        after.members -= 1;
        break;
      case 'member:banned':
        // Who is kept out need not have been in.
        if (isMember(event.user.id)) after.members -= 1;
        break;
      case 'member:changed':
        if (event.user.id === me) after.role = event.role;
        break;
      case 'room:changed':
        after.name = event.name ?? after.name;
        break;
    }
  }
  return after;
}
