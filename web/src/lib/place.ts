// Keeps what is looked at where it stands while rows come or go around it.

/** Notes which rows are in view, and gives what puts them back after a change. */
export function keepPlace(scroller: HTMLElement): () => void {
  const edge = scroller.getBoundingClientRect();
  const inView: { row: Element; bottom: number }[] = [];
  for (const row of scroller.querySelectorAll('li[data-seq]')) {
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
