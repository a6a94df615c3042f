// The two ways a request fails: the server said no, or nobody knows.

import type { Code, Error as WireError } from './protocol';

/** The server answered, and refused. */
export class Refused extends Error {
  readonly code: Code;
  readonly retryable: boolean;
  readonly retryAfterMs: number | undefined;

  constructor(error: WireError) {
    super(error.message);
    this.name = 'Refused';
    this.code = error.code;
    this.retryable = error.retryable;
    this.retryAfterMs = error.retryAfterMs;
  }
}

/** No answer came: the request may or may not have been carried out. */
export class Lost extends Error {
  constructor(message = 'The connection to the server was lost.') {
    super(message);
    this.name = 'Lost';
  }
}

/** One sentence for people. */
export function sentence(failure: unknown): string {
  if (failure instanceof Refused || failure instanceof Lost) return failure.message;
  return 'Something went wrong on this page.';
}
