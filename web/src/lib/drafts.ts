// What one began to write, by room, for as long as the page lives.

export const drafts = new Map<string, string>();
