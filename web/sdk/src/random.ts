// Names for messages that nobody else makes.

/** 128 random bits as 22 characters. `crypto.randomUUID` would ask for HTTPS; this works on any origin. */
export function randomId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '');
}
