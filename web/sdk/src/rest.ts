// Plaza's REST interface, as far as a page needs it.

import { Lost, Refused } from './failure';
import type { EventsPage, Problem, Seq, Tokens } from './protocol';

async function call<T>(path: string, init: RequestInit): Promise<T> {
  let response: Response;
  let body: unknown;
  try {
    response = await fetch(path, init);
    const text = await response.text();
    body = text === '' ? {} : JSON.parse(text);
  } catch {
    throw new Lost('The server could not be reached.');
  }
  if (response.ok) return body as T;
  const problem = body as Partial<Problem>;
  if (problem.code === undefined) throw new Lost(`The server answered ${response.status}.`);
  throw new Refused({
    code: problem.code,
    message: problem.detail ?? problem.title ?? 'The server refused.',
    retryable: problem.retryable ?? false,
    ...(problem.retryAfterMs === undefined ? {} : { retryAfterMs: problem.retryAfterMs }),
  });
}

function post<T>(path: string, body: unknown): Promise<T> {
  const headers = { 'content-type': 'application/json' };
  return call(path, { method: 'POST', headers, body: JSON.stringify(body) });
}

export const rest = {
  register: (name: string, password: string) => post<Tokens>('/api/v1/register', { name, password }),
  login: (name: string, password: string) => post<Tokens>('/api/v1/login', { name, password }),
  refresh: (refreshToken: string) => post<Tokens>('/api/v1/refresh', { refreshToken }),
  logout: (refreshToken: string) => post<unknown>('/api/v1/logout', { refreshToken }),

  /** A page of a room's log, ascending; the newest one without a position. */
  events(token: string, roomId: string, at: { before?: Seq; after?: Seq; limit?: number }) {
    const query = new URLSearchParams(Object.entries(at).map(([key, value]) => [key, String(value)]));
    const path = `/api/v1/rooms/${encodeURIComponent(roomId)}/events?${query}`;
    return call<EventsPage>(path, { headers: { authorization: `Bearer ${token}` } });
  },
};
