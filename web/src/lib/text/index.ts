// The words of the language that was chosen. A language is chosen for the life of the page: choosing another loads
// it again.

import { en } from './en';

/** What a language has to say. */
export type Catalogue = typeof en;

/** Every language there is. A new one is imported here. */
export const languages: Record<string, Catalogue> = { en };

const KEY = 'plaza.language';

function chosen(): string {
  // Tests of what is made of words have no browser.
  if (typeof localStorage === 'undefined') return 'en';
  const wanted = [localStorage.getItem(KEY), ...navigator.languages.map((tag) => tag.split('-')[0] ?? '')];
  return wanted.find((code) => code !== null && code in languages) ?? 'en';
}

/** Its code. */
export const language = chosen();
export const t: Catalogue = languages[language] ?? en;

export function choose(code: string): void {
  localStorage.setItem(KEY, code);
  location.reload();
}
