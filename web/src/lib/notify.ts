// Tells of messages that come while one looks elsewhere: in the page, or by the browser where that is allowed.

import type { Chat, MessageEvent, Room, User } from '../../sdk/src';
import { lineOf } from './kinds';
import { preferences } from './preferences.svelte';
import { roomUrl, router } from './route.svelte';
import { t } from './text';
import { toasts } from './toasts.svelte';
import { plain } from './words';

const LONGEST = 200;

/** Whether the text names somebody, as `@Ana` or as a word. */
export function names(text: string, name: string): boolean {
  const escaped = plain(name).replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  return new RegExp(`(^|[^\\p{L}\\p{N}])@?${escaped}($|[^\\p{L}\\p{N}])`, 'u').test(plain(text));
}

function wanted(room: Room, message: MessageEvent, me: User): boolean {
  if (preferences.notify === 'none') return false;
  if (preferences.notify === 'all') return true;
  return room.state.get().summary.kind === 'direct' || names(lineOf(message), me.name);
}

/** Begins to tell; stops when the returned function is called. */
export function tellOf(chat: Chat): () => void {
  return chat.onArrived((room, message) => {
    const me = chat.me.get();
    if (me === undefined || !wanted(room, message, me)) return;
    const looking = document.hasFocus() && document.visibilityState === 'visible';
    const { route } = router;
    if (looking && route.page === 'rooms' && route.roomId === room.id) return;
    const { summary } = room.state.get();
    const who = message.sender.name;
    const title = summary.kind === 'direct' ? who : t.notices.wrote(who, summary.name);
    const body = lineOf(message).slice(0, LONGEST);
    if (looking) toasts.show({ roomId: room.id, title, text: body });
    else if (preferences.desktop && 'Notification' in globalThis && Notification.permission === 'granted') {
      desktop(room.id, title, body);
    }
  });
}

function desktop(roomId: string, title: string, body: string): void {
  // One a room: a later one takes the place of the one before. Several tabs tell of the same once.
  let notification: Notification;
  // Chrome on Android knows the name, and throws: there only a service worker notifies.
  try {
    notification = new Notification(title, { body, tag: `plaza.${roomId}`, icon: '/favicon.svg' });
  } catch {
    return;
  }
  notification.onclick = () => {
    window.focus();
    router.go(roomUrl(roomId));
    notification.close();
  };
}
