// What one may do to, or with, somebody: a menu shows that and nothing else.

import { sentence, type Chat, type Role, type Room, type User } from '../../sdk/src';
import { confirmation } from './confirm.svelte';
import { roomUrl, router } from './route.svelte';
import { t } from './text';

export interface Action {
  label: string;
  danger?: boolean;
  run(): unknown;
}

/** Does it, and says what went wrong where everybody sees it. */
export async function attempt(chat: Chat, work: () => Promise<unknown>): Promise<void> {
  try {
    await work();
  } catch (failure) {
    chat.notify({ kind: 'problem', text: sentence(failure) });
  }
}

/** The conversation with somebody, made if there is none. */
export async function writeTo(chat: Chat, user: string): Promise<void> {
  router.go(roomUrl(await chat.create({ kind: 'direct', user })));
}

/** `role` is theirs in the room; `undefined` for one who is not in it. */
export function actionsFor(chat: Chat, me: User, room: Room | undefined, user: User, role?: Role): Action[] {
  if (user.id === me.id) return [];
  const actions: Action[] = [];
  const summary = room?.state.get().summary;
  const done = (work: () => Promise<unknown>) => () => attempt(chat, work);
  if (summary?.kind !== 'direct') {
    actions.push({ label: t.person.message, run: done(() => writeTo(chat, user.id)) });
  }
  if (room !== undefined && summary !== undefined && role !== undefined) {
    const allowed = chat.may(summary);
    if (allowed.setRoles) actions.push(...roleActions(chat, room.id, user, role));
    const [remove, ban] = outActions(chat, room.id, user);
    if (allowed.remove(role)) actions.push(remove);
    if (allowed.ban(role)) actions.push(ban);
  }
  const { blocked } = chat;
  if (blocked.has(user.id)) {
    actions.push({ label: t.person.unblock, run: done(() => blocked.unblock(user)) });
  } else {
    const heading = t.person.blockHeading(user.name);
    const ask = { heading, text: t.person.blockText, action: t.person.blockAction };
    const run = async () => (await confirmation.ask(ask)) && attempt(chat, () => blocked.block(user));
    actions.push({ label: t.person.block, danger: true, run });
  }
  return actions;
}

function roleActions(chat: Chat, roomId: string, user: User, role: Role): Action[] {
  const set = (next: Role) =>
    attempt(chat, () => chat.request('member:role', { roomId, user: user.id, role: next }));
  const makeOwner = async () => {
    const heading = t.person.ownerHeading(user.name);
    const ask = { heading, text: t.person.ownerText, action: t.person.ownerAction };
    if (await confirmation.ask(ask)) await set('owner');
  };
  const all: (Action & { role: Role })[] = [
    { role: 'owner', label: t.person.makeOwner, run: makeOwner },
    { role: 'moderator', label: t.person.makeModerator, run: () => set('moderator') },
    { role: 'member', label: t.person.makeMember, run: () => set('member') },
  ];
  return all.filter((action) => action.role !== role);
}

function outActions(chat: Chat, roomId: string, user: User): [Action, Action] {
  const remove = async () => {
    const heading = t.person.removeHeading(user.name);
    const ask = { heading, text: t.person.removeText, action: t.person.removeAction };
    if (!(await confirmation.ask(ask))) return;
    await attempt(chat, () => chat.request('member:remove', { roomId, user: user.id }));
  };
  const ban = async () => {
    const heading = t.person.banHeading(user.name);
    const ask = { heading, text: t.person.banText, action: t.person.banAction };
    if (!(await confirmation.ask(ask))) return;
    await attempt(chat, () => chat.request('member:ban', { roomId, user: user.id }));
  };
  return [
    { label: t.person.remove, danger: true, run: remove },
    { label: t.person.ban, danger: true, run: ban },
  ];
}
