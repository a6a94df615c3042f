// One client's connection: it comes up, breaks, comes back, and always says which of these it is.
//
// The official client carries the packets; coming back is ours, because it needs a fresh token and fresh
// positions each time, full jitter, and the server's word on when to return. A CONNECT that the server refused
// is not tried again in a loop: with `unauthorized` once more after a refresh, otherwise never by itself.

import { io, type Socket } from 'socket.io-client';
import { delay, RECONNECT } from './backoff';
import { Destination, type Place } from './destination';
import { Lost, Refused } from './failure';
import type {
  Answer,
  Auth,
  Ending,
  Error as WireError,
  Positions,
  Requests,
  RoomsResumed,
  Session,
} from './protocol';
import { Store } from './store';
import { isRoomEvent, type Asides, type RoomEvent } from './wire';

export type ConnectionState =
  | { phase: 'closed' }
  /** The first connect of this page. */
  | { phase: 'connecting' }
  /** Lost. `retryAt` is set while waiting, in milliseconds since 1970. */
  | { phase: 'reconnecting'; attempt: number; retryAt?: number }
  /** The server said that it is about to stop, and when to come back. */
  | { phase: 'ending'; retryAt: number }
  /** Connected; what was missed is arriving. */
  | { phase: 'catching-up'; node: string }
  | { phase: 'online'; node: string }
  /** The server does not let us in; nothing is tried again without the user. */
  | { phase: 'refused'; error: Refused };

/** What the owner of a connection gives it and is told by it. */
export interface ConnectionOwner {
  /** A token or a guest's name; `fresh` asks for one that was not shown before. */
  proof(fresh: boolean): Promise<{ token: string } | { guest: string }>;
  /** What is held, or undefined before anything is. */
  held(): { positions: Positions; epoch: string } | undefined;
  session(session: Session): void;
  event(event: RoomEvent): void;
  resumed(resumed: RoomsResumed): void;
  /** What the server tells beside the logs. */
  asides: { [N in keyof Asides]: (event: Asides[N]) => void };
}

const CONNECT_TIMEOUT_MS = 10_000;
const ANSWER_TIMEOUT_MS = 10_000;

export class Connection {
  readonly state = new Store<ConnectionState>({ phase: 'closed' });
  #owner: ConnectionOwner;
  #destination: Destination;
  /** Where `#socket` connects. */
  #place: Place;
  #socket: Socket;
  #proof: Auth = {};
  #open = false;
  #wasOnline = false;
  #attempt = 0;
  #refreshed = false;
  #ending: Ending | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** Counts tries, so that what a given-up try still brings is ignored. */
  #try = 0;

  constructor(owner: ConnectionOwner, url?: string) {
    this.#owner = owner;
    this.#destination = new Destination(url);
    this.#place = this.#destination.place;
    this.#socket = this.#socketTo(this.#place);
  }

  #socketTo({ origin, path, away }: Place): Socket {
    const options = {
      path,
      autoConnect: false,
      forceNew: true,
      reconnection: false,
      transports: away ? ['websocket'] : ['websocket', 'polling'],
      tryAllTransports: true,
      timeout: CONNECT_TIMEOUT_MS,
      auth: (answer: (auth: object) => void) => answer({ ...this.#proof, ...this.#owner.held() }),
    };
    const socket = origin === undefined ? io(options) : io(origin, options);
    this.#listen(socket);
    return socket;
  }

  /** From now on another address is connected to. */
  #move(): void {
    if (this.#place === this.#destination.place) return;
    this.#place = this.#destination.place;
    this.#socket.removeAllListeners();
    this.#socket.offAny();
    this.#socket.disconnect();
    this.#socket = this.#socketTo(this.#place);
  }

  get online(): boolean {
    return this.state.get().phase === 'online';
  }

  open(): void {
    if (this.#open) return;
    this.#open = true;
    this.state.set({ phase: 'connecting' });
    void this.#connect(false);
  }

  close(): void {
    this.#open = false;
    this.#try += 1;
    clearTimeout(this.#timer);
    this.#socket.disconnect();
    this.state.set({ phase: 'closed' });
  }

  /** Stop waiting and try at once. */
  retryNow(): void {
    const { phase } = this.state.get();
    const waiting = phase === 'reconnecting' || phase === 'ending';
    if (waiting && this.#timer !== undefined) this.#again();
  }

  /** The browser says that the network is gone: do not wait for a heartbeat to find out. */
  interrupted(): void {
    if (this.#socket.connected) this.#socket.io.engine.close();
  }

  /**
   * Ask, and wait for the answer.
   * @throws Refused when the server says no, Lost when no answer came
   */
  async request<N extends keyof Requests>(name: N, payload: Requests[N][0]): Promise<Requests[N][1]> {
    if (!this.#socket.connected) throw new Lost('Not connected.');
    let answer: Answer<Requests[N][1]>;
    try {
      answer = await this.#socket.timeout(ANSWER_TIMEOUT_MS).emitWithAck(name, payload);
    } catch {
      throw new Lost('The server did not answer.');
    }
    if (!answer.ok) throw new Refused(answer.error);
    return answer;
  }

  async #connect(fresh: boolean): Promise<void> {
    const mine = ++this.#try;
    try {
      this.#proof = await this.#owner.proof(fresh);
    } catch (failure) {
      if (mine !== this.#try) return;
      if (failure instanceof Refused && !failure.retryable) this.#refuse(failure);
      else this.#later(failure instanceof Refused ? failure.retryAfterMs : undefined);
      return;
    }
    if (mine !== this.#try || !this.#open) return;
    this.#move();
    this.#socket.connect();
  }

  #listen(socket: Socket): void {
    socket.on('session', (session: Session) => {
      this.#refreshed = false;
      this.state.set({ phase: 'catching-up', node: session.node });
      this.#owner.session(session);
    });
    socket.on('resumed', (resumed: RoomsResumed) => {
      const state = this.state.get();
      this.#attempt = 0;
      this.#wasOnline = true;
      this.#owner.resumed(resumed);
      if (state.phase === 'catching-up') this.state.set({ phase: 'online', node: state.node });
    });
    // Types of events that a later server has take their place in the log as well.
    socket.onAny((name: string, data: unknown) => {
      if (isRoomEvent(name, data)) this.#owner.event(data);
    });
    for (const [name, told] of Object.entries(this.#owner.asides)) socket.on(name, told);
    socket.on('session:ending', (ending: Ending) => {
      this.#ending = ending;
      if (ending.reason === 'revoked') return;
      this.#destination.goTo(ending.url);
      this.state.set({ phase: 'ending', retryAt: Date.now() + ending.retryAfterMs });
    });
    socket.on('disconnect', () => this.#lost());
    socket.on('connect_error', (error: Error & { data?: Partial<WireError> }) => {
      const { code, retryable = false, ...rest } = error.data ?? {};
      if (code === undefined) {
        this.#destination.failed();
        this.#lost();
      } else this.#refusedBy({ message: error.message, ...rest, code, retryable });
    });
  }

  /** The transport is gone, or never came up. */
  #lost(): void {
    if (!this.#open) return;
    const ending = this.#ending;
    this.#ending = undefined;
    if (ending?.reason === 'revoked') {
      const message = 'You were signed out. Please sign in again.';
      this.#refuse(new Refused({ code: 'unauthorized', message, retryable: false }));
    } else if (ending !== undefined) {
      // A server's clients leave together; they must not come back in the same millisecond.
      const spread = Math.min(ending.retryAfterMs, 1_000) * Math.random();
      this.#wait(ending.retryAfterMs + spread, (retryAt) => ({ phase: 'ending', retryAt }));
    } else {
      this.#later();
    }
  }

  /** The server answered CONNECT with an error. */
  #refusedBy(error: WireError): void {
    if (!this.#open) return;
    // The transport below is still up, and useless.
    this.#socket.disconnect();
    this.#socket.io.engine?.close();
    if (error.retryable) {
      this.#later(error.retryAfterMs);
    } else if (error.code === 'unauthorized' && !this.#refreshed) {
      this.#refreshed = true;
      void this.#connect(true);
    } else {
      this.#refuse(new Refused(error));
    }
  }

  #refuse(error: Refused): void {
    this.#open = false;
    this.#refreshed = false;
    this.#socket.disconnect();
    this.state.set({ phase: 'refused', error });
  }

  #later(atLeastMs = 0): void {
    this.#attempt += 1;
    const attempt = this.#attempt;
    const ms = atLeastMs + delay(RECONNECT, attempt, Math.random());
    this.#wait(ms, (retryAt) => ({ phase: 'reconnecting', attempt, retryAt }));
  }

  #wait(ms: number, state: (retryAt: number) => ConnectionState): void {
    clearTimeout(this.#timer);
    this.state.set(state(Date.now() + ms));
    this.#timer = setTimeout(() => this.#again(), ms);
  }

  #again(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (!this.#open) return;
    const attempt = Math.max(this.#attempt, 1);
    this.state.set(
      this.#wasOnline || this.#attempt > 0 ? { phase: 'reconnecting', attempt } : { phase: 'connecting' },
    );
    void this.#connect(false);
  }
}
