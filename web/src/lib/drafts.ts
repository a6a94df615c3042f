// What one began to write, by person and room. Each tab has its own, and keeps it through a reload.

const PREFIX = 'plaza.draft.';

const keyOf = (userId: string, roomId: string) => `${PREFIX}${userId}.${roomId}`;

export const drafts = {
  get(userId: string, roomId: string): string {
    return sessionStorage.getItem(keyOf(userId, roomId)) ?? '';
  },

  set(userId: string, roomId: string, text: string): void {
    try {
      if (text === '') sessionStorage.removeItem(keyOf(userId, roomId));
      else sessionStorage.setItem(keyOf(userId, roomId), text);
    } catch {
      // The quota is used up: this draft does not outlive the page.
    }
  },

  clear(): void {
    for (const key of Object.keys(sessionStorage)) {
      if (key.startsWith(PREFIX)) sessionStorage.removeItem(key);
    }
  },
};
