import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Lost, Refused } from '../src/failure';
import { Outbox } from '../src/outbox';
import type { OutboxItem } from '../src/outbox-item';
import { MemoryOutboxStorage } from '../src/outbox-storage';
import type { Code, SentMessage } from '../src/protocol';
import type { Tabs } from '../src/turn';
import type { MessageEvent } from '../src/wire';

/** What several outboxes share: the stored messages, the turn, and the word that something changed. */
class Browser {
  stored = new Map<string, OutboxItem>();
  #holder: { lost(): void } | undefined;
  #waiting: { begin(): void; lost(): void }[] = [];
  #listeners = new Set<() => void>();

  tab(): Tabs {
    const mine = new Set<() => void>();
    return {
      turn: (steal, begin, lost) => {
        const me = { begin, lost };
        const had = this.#holder;
        if (had === undefined || steal) {
          this.#holder = me;
          queueMicrotask(() => {
            had?.lost();
            if (this.#holder === me) begin();
          });
        } else this.#waiting.push(me);
        return () => {
          this.#waiting = this.#waiting.filter((other) => other !== me);
          if (this.#holder !== me) return;
          const next = (this.#holder = this.#waiting.shift());
          queueMicrotask(() => this.#holder === next && next?.begin());
        };
      },
      changed: () => {
        for (const listener of this.#listeners) if (!mine.has(listener)) queueMicrotask(listener);
      },
      onChanged: (listener) => {
        mine.add(listener);
        this.#listeners.add(listener);
        return () => this.#listeners.delete(listener);
      },
      close: () => undefined,
    };
  }
}

interface Sending {
  item: OutboxItem;
  ack(seq: number): Promise<void>;
  lose(): Promise<void>;
  refuse(code: Code, retryable: boolean, retryAfterMs?: number): Promise<void>;
}

/** Lets everything that was promised happen. */
const settled = async () => void (await vi.advanceTimersByTimeAsync(0));

let ids = 0;

/** An outbox, in a tab of its own, whose sends are answered by hand. */
function outboxOn(browser: Browser, position?: number) {
  const sends: Sending[] = [];
  const outbox = new Outbox({
    storage: new MemoryOutboxStorage(browser.stored),
    tabs: browser.tab(),
    newId: () => `c_${++ids}`,
    random: () => 0.5,
    position: () => position,
    send: (item) =>
      new Promise<SentMessage>((resolve, reject) => {
        const at = '2026-01-01T00:00:00.000Z';
        sends.push({
          item,
          ack: (seq) => (resolve({ seq, id: `m_${seq}`, at }), settled()),
          lose: () => (reject(new Lost()), settled()),
          refuse: (code, retryable, retryAfterMs) => {
            const error = { code, message: `Refused: ${code}.`, retryable };
            reject(new Refused(retryAfterMs === undefined ? error : { ...error, retryAfterMs }));
            return settled();
          },
        });
      }),
  });
  const states = () => outbox.items.get().map(({ text, state }) => `${text}:${state}`);
  const sent = (n: number): Sending => {
    const sending = sends[n];
    if (sending === undefined) throw new Error(`only ${sends.length} were sent`);
    return sending;
  };
  return { outbox, sends, sent, states };
}

function echo(item: OutboxItem, seq: number): MessageEvent {
  return {
    type: 'message',
    roomId: item.roomId,
    seq,
    id: `m_${seq}`,
    clientId: item.clientId,
    sender: { id: 'u_1', name: 'Ana', guest: false },
    kind: 'text',
    body: { text: item.text },
    at: '2026-01-01T00:00:00.000Z',
  };
}

describe('Outbox', () => {
  let browser: Browser;
  beforeEach(() => {
    vi.useFakeTimers();
    browser = new Browser();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('queues while offline, sends in order when online, one at a time a room', async () => {
    const { outbox, sends, sent, states } = outboxOn(browser);
    outbox.submit('a', 'one');
    outbox.submit('a', 'two');
    outbox.submit('b', 'other');
    expect(states()).toEqual(['one:queued', 'two:queued', 'other:queued']);
    outbox.setOnline(true);
    await settled();
    expect(sends.map(({ item }) => item.text)).toEqual(['one', 'other']);
    await sent(0).ack(1);
    expect(sends.map(({ item }) => item.text)).toEqual(['one', 'other', 'two']);
    expect(states()).toEqual(['one:sent', 'two:sending', 'other:sending']);
  });

  it('keeps a sent message until the timeline has it', async () => {
    const { outbox, sent, states } = outboxOn(browser);
    outbox.setOnline(true);
    await settled();
    outbox.submit('a', 'one');
    await sent(0).ack(7);
    outbox.observePosition('a', 6);
    expect(states()).toEqual(['one:sent']);
    outbox.observePosition('a', 7);
    expect(states()).toEqual([]);
    expect(browser.stored.size).toBe(0);
  });

  it('is settled by the event when the acknowledgement is lost', async () => {
    const { outbox, sends, sent, states } = outboxOn(browser);
    outbox.setOnline(true);
    await settled();
    const item = outbox.submit('a', 'one');
    outbox.submit('a', 'two');
    outbox.observe(echo(item, 3));
    expect(states()).toEqual(['two:sending']);
    await sent(0).lose();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(sends.map((sending) => sending.item.text)).toEqual(['one', 'two']);
    expect(browser.stored.size).toBe(1);
  });

  it('is settled by the acknowledgement and the event, in either order, once', async () => {
    const { outbox, sent, states } = outboxOn(browser);
    outbox.setOnline(true);
    await settled();
    const first = outbox.submit('a', 'one');
    await sent(0).ack(1);
    outbox.observe(echo(first, 1));
    const second = outbox.submit('a', 'two');
    outbox.observe(echo(second, 2));
    await sent(1).ack(2);
    expect(states()).toEqual([]);
    outbox.observe(echo(second, 2));
    expect(states()).toEqual([]);
  });

  it('sends again under the same clientId after a lost connection, before later messages', async () => {
    const { outbox, sends, sent, states } = outboxOn(browser);
    outbox.setOnline(true);
    await settled();
    outbox.submit('a', 'one');
    outbox.submit('a', 'two');
    outbox.setOnline(false);
    await sent(0).lose();
    expect(states()).toEqual(['one:queued', 'two:queued']);
    outbox.setOnline(true);
    await settled();
    expect(sends.map(({ item }) => item.text)).toEqual(['one', 'one']);
    expect(sent(1).item.clientId).toBe(sent(0).item.clientId);
    await sent(1).ack(1);
    expect(sends.map(({ item }) => item.text)).toEqual(['one', 'one', 'two']);
  });

  it('is not settled by another text under its clientId, and then needs another', async () => {
    const { outbox, sent, states } = outboxOn(browser);
    outbox.setOnline(true);
    await settled();
    const item = outbox.submit('a', 'one');
    outbox.observe(echo({ ...item, text: 'something else' }, 3));
    expect(states()).toEqual(['one:sending']);
    await sent(0).refuse('conflict', false);
    expect(states()).toEqual(['one:failed']);
    outbox.retry(item.clientId);
    expect(sent(1).item.clientId).not.toBe(item.clientId);
    expect([...browser.stored.keys()]).toEqual([sent(1).item.clientId]);
    await sent(1).ack(4);
    expect(states()).toEqual(['one:sent']);
  });

  it('is settled by an answer that names a place already passed, as a repeated message gets', async () => {
    const { outbox, sent, states } = outboxOn(browser, 9);
    outbox.setOnline(true);
    await settled();
    outbox.submit('a', 'one');
    await sent(0).ack(9);
    expect(states()).toEqual([]);
    outbox.submit('a', 'two');
    await sent(1).ack(10);
    expect(states()).toEqual(['two:sent']);
    outbox.forgetSent('a');
    expect(states()).toEqual([]);
  });

  it('sends in one tab at a time: in the one that has the turn, or where one writes', async () => {
    const first = outboxOn(browser);
    first.outbox.submit('a', 'one');
    first.outbox.setOnline(true);
    await settled();
    const second = outboxOn(browser);
    second.outbox.setOnline(true);
    await second.outbox.restore();
    expect(second.states()).toEqual(['one:queued']);
    expect([first.sends.length, second.sends.length]).toEqual([1, 0]);

    // Writing in the second takes the turn along, with what the first has not heard of yet.
    second.outbox.submit('a', 'two');
    await settled();
    expect(second.sends.map(({ item }) => item.text)).toEqual(['one']);
    expect(second.sent(0).item.clientId).toBe(first.sent(0).item.clientId);
    await second.sent(0).ack(1);
    await second.sent(1).ack(2);
    await first.sent(0).ack(1);
    await settled();
    expect(second.states()).toEqual(['one:sent', 'two:sent']);
    expect(first.states()).toEqual([]);
    expect(first.sends).toHaveLength(1);
    expect(browser.stored.size).toBe(0);
  });

  it('goes on in another tab when the one that sends closes or loses its connection', async () => {
    const first = outboxOn(browser);
    const second = outboxOn(browser);
    for (const { outbox } of [first, second]) outbox.setOnline(true);
    await settled();
    first.outbox.submit('a', 'one');
    first.outbox.setOnline(false);
    await first.sent(0).lose();
    expect(second.sends.map(({ item }) => item.text)).toEqual(['one']);
    await second.sent(0).ack(1);
    await settled();
    // The first has nothing left to send when it comes back.
    first.outbox.setOnline(true);
    second.outbox.close();
    await settled();
    expect(first.sends).toHaveLength(1);
    expect(first.states()).toEqual([]);
  });

  it('drops what another tab gave up, and shows what another tab could not send', async () => {
    const first = outboxOn(browser);
    const second = outboxOn(browser);
    first.outbox.setOnline(true);
    await settled();
    first.outbox.submit('a', 'one');
    await settled();
    expect(second.states()).toEqual(['one:queued']);
    await first.sent(0).refuse('too_large', false);
    expect(second.states()).toEqual(['one:failed']);
    second.outbox.discard(first.sent(0).item.clientId);
    await settled();
    expect([...first.states(), ...second.states()]).toEqual([]);
  });

  it('leaves nothing behind when all is given up', async () => {
    const { outbox, sends, sent, states } = outboxOn(browser);
    outbox.setOnline(true);
    await settled();
    outbox.submit('a', 'one');
    outbox.submit('b', 'two');
    expect(outbox.unsent).toHaveLength(2);
    await outbox.discardAll();
    await sent(0).refuse('busy', true);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(sends).toHaveLength(2);
    expect(states()).toEqual([]);
    expect(browser.stored.size).toBe(0);
  });

  it('waits as long as the server says and keeps the order meanwhile', async () => {
    const { outbox, sends, sent } = outboxOn(browser);
    outbox.setOnline(true);
    await settled();
    outbox.submit('a', 'one');
    outbox.submit('a', 'two');
    await sent(0).refuse('rate_limited', true, 5_000);
    await vi.advanceTimersByTimeAsync(4_999);
    expect(sends).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(sends.map(({ item }) => item.text)).toEqual(['one', 'one']);
    expect(sent(1).item.clientId).toBe(sent(0).item.clientId);
  });

  it('says why a message failed, goes on with the next, and retries or discards on demand', async () => {
    const { outbox, sends, sent, states } = outboxOn(browser);
    outbox.setOnline(true);
    await settled();
    const item = outbox.submit('a', 'one');
    outbox.submit('a', 'two');
    await sent(0).refuse('too_large', false);
    expect(states()).toEqual(['one:failed', 'two:sending']);
    expect(outbox.items.get()[0]?.reason).toBe('Refused: too_large.');
    await sent(1).ack(1);
    outbox.retry(item.clientId);
    expect(sends).toHaveLength(3);
    expect(sent(2).item.clientId).toBe(item.clientId);
    expect(outbox.items.get()[0]?.reason).toBeUndefined();
    await sent(2).refuse('too_large', false);
    outbox.discard(item.clientId);
    expect(states()).toEqual(['two:sent']);
    expect(browser.stored.size).toBe(0);
  });

  it('survives a reload of the page with its clientIds, order and failures', async () => {
    const before = outboxOn(browser);
    before.outbox.setOnline(true);
    await settled();
    before.outbox.submit('a', 'one');
    before.outbox.submit('a', 'two');
    await before.sent(0).refuse('conflict', false);
    before.outbox.submit('a', 'three');
    const ids = before.outbox.items.get().map((item) => item.clientId);

    before.outbox.close();
    const after = outboxOn(browser);
    after.outbox.setOnline(true);
    await settled();
    await after.outbox.restore();
    expect(after.states()).toEqual(['one:failed', 'two:sending', 'three:queued']);
    expect(after.outbox.items.get().map((item) => item.clientId)).toEqual(ids);
  });

  it('gives up what was meant for a room one has left, and says what', async () => {
    const { outbox, sent, states } = outboxOn(browser);
    outbox.setOnline(true);
    await settled();
    outbox.submit('a', 'one');
    outbox.submit('a', 'two');
    outbox.submit('b', 'stays');
    await sent(0).ack(1);
    expect(outbox.discardRoom('a').map((item) => item.text)).toEqual(['two']);
    expect(states()).toEqual(['stays:sending']);
    expect(browser.stored.size).toBe(1);
  });

  it('sends nothing twice when going offline and online while an answer is outstanding', async () => {
    const { outbox, sends, sent, states } = outboxOn(browser);
    outbox.setOnline(true);
    await settled();
    outbox.submit('a', 'one');
    outbox.setOnline(false);
    outbox.setOnline(true);
    await settled();
    expect(sends).toHaveLength(1);
    await sent(0).ack(1);
    expect(states()).toEqual(['one:sent']);
  });
});
