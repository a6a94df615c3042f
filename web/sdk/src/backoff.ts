// How long to wait before trying again: exponential, with full jitter, so that the clients of a server that
// comes back do not all knock at the same moment.

export interface Backoff {
  /** The bound of the first wait. */
  baseMs: number;
  /** The bound of every wait. */
  capMs: number;
  /** No wait is shorter. */
  floorMs: number;
}

export const RECONNECT: Backoff = { baseMs: 500, capMs: 15_000, floorMs: 50 };
export const RESEND: Backoff = { baseMs: 500, capMs: 30_000, floorMs: 100 };

/** A wait in milliseconds before attempt `attempt` (the first is 1); `random` is in [0, 1). */
export function delay(backoff: Backoff, attempt: number, random: number): number {
  const bound = Math.min(backoff.capMs, backoff.baseMs * 2 ** Math.min(attempt - 1, 30));
  return Math.max(backoff.floorMs, Math.round(bound * random));
}
