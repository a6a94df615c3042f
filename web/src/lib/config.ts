// Where the server is. A page that is hosted elsewhere finds a `config.json` beside itself that says so; without one
// the server is where the page comes from.

export interface Config {
  /** Such as `https://chat.example.org`; empty: where the page comes from. */
  apiBaseUrl: string;
}

export async function loadConfig(): Promise<Config> {
  try {
    const response = await fetch('/config.json');
    const { apiBaseUrl } = (await response.json()) as Partial<Config>;
    // A typing error in it must not go unnoticed as "here", nor let a script in by way of an address.
    if (typeof apiBaseUrl === 'string' && /^(https?:\/\/|$)/.test(apiBaseUrl)) return { apiBaseUrl };
  } catch {
    // None there, or another page in its place.
  }
  return { apiBaseUrl: '' };
}
