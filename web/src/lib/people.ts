// People one has met: whom one's rooms name.

import { actorOf, type Room, type User } from '../../sdk/src';

/** Rooms of which it is asked who is in them: those in which something happened last. */
const ASKED = 20;

/** Asks who is in one's rooms, a page of each, where that is not known yet. `met` is called as answers come. */
export async function meetPeople(rooms: readonly Room[], met: () => void): Promise<void> {
  const newest = rooms
    .map((room) => ({ room, summary: room.state.get().summary }))
    .filter(({ summary }) => summary.kind !== 'direct' && summary.members > 1)
    .sort((a, b) => (b.summary.at ?? '').localeCompare(a.summary.at ?? ''));
  await Promise.all(newest.slice(0, ASKED).map(({ room }) => room.members.load().then(met)));
}

export function knownPeople(rooms: readonly Room[], me: User): User[] {
  const people = new Map<string, User>();
  const meet = (user: User | undefined) => {
    if (user !== undefined && user.id !== me.id) people.set(user.id, user);
  };
  for (const { state, members } of rooms) {
    meet(state.get().summary.with);
    for (const member of members.state.get().members ?? []) meet({ ...member });
    for (const event of state.get().events) meet(actorOf(event));
  }
  return [...people.values()].sort((a, b) => a.name.localeCompare(b.name));
}
