// Keeps what is looked at where it stands while rows come or go around it, and says what that is.

import type { Seq } from '../../sdk/src';

const ROWS = 'li[data-seq]';

/** Notes which rows are in view, and gives what puts them back after a change. */
export function keepPlace(scroller: HTMLElement): () => void {
  const edge = scroller.getBoundingClientRect();
  const inView: { row: Element; bottom: number }[] = [];
  for (const row of scroller.querySelectorAll(ROWS)) {
    // The bottom stays: a row at the top of what is drawn may lose its heading to the one that comes before it.
    const { bottom } = row.getBoundingClientRect();
    if (bottom <= edge.top) continue;
    if (bottom > edge.bottom && inView.length > 0) break;
    inView.push({ row, bottom });
  }
  return () => {
    const kept = inView.find(({ row }) => row.isConnected);
    if (kept !== undefined) scroller.scrollTop += kept.row.getBoundingClientRect().bottom - kept.bottom;
  };
}

/** The position of the last row of which the end is in view, 0 if there is none. */
export function lastInView(scroller: HTMLElement): Seq {
  const rows = scroller.querySelectorAll(ROWS);
  const { bottom } = scroller.getBoundingClientRect();
  let [from, to] = [0, rows.length];
  while (from < to) {
    const middle = (from + to) >> 1;
    if ((rows[middle]?.getBoundingClientRect().bottom ?? 0) <= bottom + 1) from = middle + 1;
    else to = middle;
  }
  return Number(rows[from - 1]?.getAttribute('data-seq') ?? 0);
}
