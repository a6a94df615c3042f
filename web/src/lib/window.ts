// Which part of the events held is drawn. A long room would fill the page with thousands of elements, and every
// new message would cost a second; so only some hundred around what is looked at are drawn, and the part moves
// along as one scrolls.

import type { Seq } from '../../sdk/src';

/** The first and the last position that are held. */
export interface Held {
  first: Seq;
  last: Seq;
}

/** The first and the last position that are drawn; without a last one, whatever is newest. */
export interface Span {
  from: Seq;
  to: Seq | undefined;
}

/** Most events drawn while scrolling. */
export const MOST = 300;
/** The part moves by this many events, and may be longer by them before it is cut. */
export const STEP = 100;

export function newest({ first, last }: Held): Span {
  return { from: Math.max(first, last - MOST + 1), to: undefined };
}

export function earlier(span: Span, held: Held): Span {
  const from = Math.max(held.first, span.from - STEP);
  return bounded({ from, to: Math.min(span.to ?? held.last, from + MOST - 1) }, held);
}

export function later(span: Span, held: Held): Span {
  if (span.to === undefined) return span;
  const to = Math.min(held.last, span.to + STEP);
  return bounded({ from: Math.max(span.from, to - MOST + 1), to }, held);
}

/** What is around one position. */
export function around(seq: Seq, held: Held): Span {
  const from = Math.max(held.first, Math.min(seq - STEP, held.last - MOST + 1));
  return bounded({ from, to: Math.min(held.last, from + MOST - 1) }, held);
}

/** After something came at the end, or was let go of at the beginning. One who looks at the end stays there. */
export function follow(span: Span, held: Held, atEnd: boolean): Span {
  if (span.from < held.first || span.from > held.last) return newest(held);
  if (span.to !== undefined || held.last - span.from < MOST + STEP) return span;
  return atEnd ? newest(held) : { from: span.from, to: span.from + MOST + STEP - 1 };
}

function bounded(span: Span, held: Held): Span {
  return span.to !== undefined && span.to < held.last ? span : { from: span.from, to: undefined };
}
