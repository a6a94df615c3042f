// Plaza's REST interface, as far as a page needs it.

import { Lost, Refused } from './failure';
import type {
  ChangePassword,
  Credentials,
  EventsPage,
  Health,
  Problem,
  RefreshRequest,
  ResetPassword,
  Seq,
  SessionInfo,
  SessionList,
  Tokens,
} from './protocol';

export class Rest {
  #base: string;

  /** `baseUrl` is where the server is, such as `https://chat.example.org`; empty: where the page comes from. */
  constructor(baseUrl = '') {
    this.#base = baseUrl.replace(/\/+$/, '');
  }

  register(name: string, password: string): Promise<Tokens> {
    return this.#post<Credentials, Tokens>('/api/v1/register', { name, password });
  }

  login(name: string, password: string): Promise<Tokens> {
    return this.#post<Credentials, Tokens>('/api/v1/login', { name, password });
  }

  refresh(refreshToken: string): Promise<Tokens> {
    return this.#post<RefreshRequest, Tokens>('/api/v1/refresh', { refreshToken });
  }

  /** A refresh token, or a guest's token. */
  async logout(refreshToken: string): Promise<void> {
    await this.#post<RefreshRequest, unknown>('/api/v1/logout', { refreshToken });
  }

  /** One's sessions, the newest use first. */
  async sessions(token: string): Promise<SessionInfo[]> {
    return (await this.#call<SessionList>('/api/v1/sessions', { headers: bearer(token) })).sessions;
  }

  async endSession(token: string, id: string): Promise<void> {
    await this.#call(`/api/v1/sessions/${encodeURIComponent(id)}`, {
      method: 'DELETE',
      headers: bearer(token),
    });
  }

  /** Every session ends but the one that asks. */
  async endOtherSessions(token: string): Promise<void> {
    await this.#call('/api/v1/sessions?keep=current', { method: 'DELETE', headers: bearer(token) });
  }

  /** Every other session ends. */
  async changePassword(token: string, change: ChangePassword): Promise<void> {
    await this.#post('/api/v1/password', change, bearer(token));
  }

  /** With the token of the link that an administrator gave. Every session ends. */
  async resetPassword(reset: ResetPassword): Promise<void> {
    await this.#post('/api/v1/password/reset', reset);
  }

  health(): Promise<Health> {
    return this.#call('/health', {});
  }

  /** A page of a room's log, ascending; the newest one without a position. */
  events(
    token: string,
    roomId: string,
    at: { before?: Seq; after?: Seq; limit?: number },
  ): Promise<EventsPage> {
    const query = new URLSearchParams(Object.entries(at).map(([key, value]) => [key, String(value)]));
    return this.#call(`/api/v1/rooms/${encodeURIComponent(roomId)}/events?${query}`, {
      headers: bearer(token),
    });
  }

  #post<B, T>(path: string, body: B, headers: Record<string, string> = {}): Promise<T> {
    const all = { ...headers, 'content-type': 'application/json' };
    return this.#call(path, { method: 'POST', headers: all, body: JSON.stringify(body) });
  }

  async #call<T>(path: string, init: RequestInit): Promise<T> {
    let response: Response;
    let body: unknown;
    try {
      response = await fetch(this.#base + path, init);
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
}

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
