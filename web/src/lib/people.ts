// People one has met: whom one's rooms name.

import { actorOf, type Room, type User } from '../../sdk/src';

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
