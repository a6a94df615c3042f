// Finds web addresses in what somebody wrote. The result is data; a component makes elements of it, so
// nothing a user writes is ever markup.

export type Piece = { text: string; href?: string };

const ADDRESS = /\bhttps?:\/\/[^\s<>"'`{}|\\^]+/gi;

/** Punctuation at the end belongs to the sentence, and so does a bracket that was opened outside. */
function trimEnd(address: string): string {
  for (;;) {
    const last = address.at(-1) ?? '';
    const closes = last === ')' && !address.includes('(');
    if (!'.,;:!?*_~]'.includes(last) && !closes) return address;
    address = address.slice(0, -1);
  }
}

function hrefOf(address: string): string | undefined {
  try {
    const url = new URL(address);
    const web = url.protocol === 'http:' || url.protocol === 'https:';
    return web && url.hostname !== '' && url.username === '' && url.password === '' ? url.href : undefined;
  } catch {
    return undefined;
  }
}

export function pieces(text: string): Piece[] {
  const found: Piece[] = [];
  let from = 0;
  for (const match of text.matchAll(ADDRESS)) {
    const address = trimEnd(match[0]);
    const href = hrefOf(address);
    if (href === undefined) continue;
    if (match.index > from) found.push({ text: text.slice(from, match.index) });
    found.push({ text: address, href });
    from = match.index + address.length;
  }
  if (from < text.length) found.push({ text: text.slice(from) });
  return found;
}
