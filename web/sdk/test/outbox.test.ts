import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Lost, Refused } from '../src/failure';
import { Outbox, type OutboxItem } from '../src/outbox';
import { LocalOutboxStorage, type KeyedStorage } from '../src/outbox-storage';
import type { Code, Message, SentMessage } from '../src/protocol';

/** localStorage as a Map. */
class MapStorage implements KeyedStorage {
  map = new Map<string, string>();
  get length() {
    return this.map.size;
  }
  key = (i: number) => [...this.map.keys()][i] ?? null;
  getItem = (key: string) => this.map.get(key) ?? null;
  setItem = (key: string, value: string) => void this.map.set(key, value);
  removeItem = (key: string) => void this.map.delete(key);
}

interface Sending {
  item: OutboxItem;
  ack(seq: number): Promise<void>;
  lose(): Promise<void>;
  refuse(code: Code, retryable: boolean, retryAfterMs?: number): Promise<void>;
}

/** Lets everything that was promised happen. */
const settled = async () => void (await vi.advanceTimersByTimeAsync(0));

/** An outbox whose sends are answered by hand. */
function outboxOn(storage: KeyedStorage, account = 'u_1', position?: number) {
  const sends: Sending[] = [];
  let ids = 0;
  const outbox = new Outbox({
    storage: new LocalOutboxStorage(storage, account),
    newId: () => `c_${++ids}_${storage.length}`,
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

function echo(item: OutboxItem, seq: number): Message {
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
  let storage: MapStorage;
  beforeEach(() => {
    vi.useFakeTimers();
    storage = new MapStorage();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('queues while offline, sends in order when online, one at a time a room', async () => {
    const { outbox, sends, sent, states } = outboxOn(storage);
    outbox.submit('a', 'one');
    outbox.submit('a', 'two');
    outbox.submit('b', 'other');
    expect(states()).toEqual(['one:queued', 'two:queued', 'other:queued']);
    outbox.setOnline(true);
    expect(sends.map(({ item }) => item.text)).toEqual(['one', 'other']);
    await sent(0).ack(1);
    expect(sends.map(({ item }) => item.text)).toEqual(['one', 'other', 'two']);
    expect(states()).toEqual(['one:sent', 'two:sending', 'other:sending']);
  });

  it('keeps a sent message until the timeline has it', async () => {
    const { outbox, sent, states } = outboxOn(storage);
    outbox.setOnline(true);
    outbox.submit('a', 'one');
    await sent(0).ack(7);
    outbox.observePosition('a', 6);
    expect(states()).toEqual(['one:sent']);
    outbox.observePosition('a', 7);
    expect(states()).toEqual([]);
    expect(storage.length).toBe(0);
  });

  it('is settled by the event when the acknowledgement is lost', async () => {
    const { outbox, sends, sent, states } = outboxOn(storage);
    outbox.setOnline(true);
    const item = outbox.submit('a', 'one');
    outbox.submit('a', 'two');
    outbox.observe(echo(item, 3));
    expect(states()).toEqual(['two:sending']);
    await sent(0).lose();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(sends.map((sending) => sending.item.text)).toEqual(['one', 'two']);
    expect(storage.length).toBe(1);
  });

  it('is settled by the acknowledgement and the event, in either order, once', async () => {
    const { outbox, sent, states } = outboxOn(storage);
    outbox.setOnline(true);
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
    const { outbox, sends, sent, states } = outboxOn(storage);
    outbox.setOnline(true);
    outbox.submit('a', 'one');
    outbox.submit('a', 'two');
    outbox.setOnline(false);
    await sent(0).lose();
    expect(states()).toEqual(['one:queued', 'two:queued']);
    outbox.setOnline(true);
    expect(sends.map(({ item }) => item.text)).toEqual(['one', 'one']);
    expect(sent(1).item.clientId).toBe(sent(0).item.clientId);
    await sent(1).ack(1);
    expect(sends.map(({ item }) => item.text)).toEqual(['one', 'one', 'two']);
  });

  it('is not settled by another text under its clientId, and then needs another', async () => {
    const { outbox, sent, states } = outboxOn(storage);
    outbox.setOnline(true);
    const item = outbox.submit('a', 'one');
    outbox.observe(echo({ ...item, text: 'something else' }, 3));
    expect(states()).toEqual(['one:sending']);
    await sent(0).refuse('conflict', false);
    expect(states()).toEqual(['one:failed']);
    outbox.retry(item.clientId);
    expect(sent(1).item.clientId).not.toBe(item.clientId);
    expect([...storage.map.keys()]).toEqual([`plaza.outbox.u_1.${sent(1).item.clientId}`]);
    await sent(1).ack(4);
    expect(states()).toEqual(['one:sent']);
  });

  it('is settled by an answer that names a place already passed, as a repeated message gets', async () => {
    const { outbox, sent, states } = outboxOn(storage, 'u_1', 9);
    outbox.setOnline(true);
    outbox.submit('a', 'one');
    await sent(0).ack(9);
    expect(states()).toEqual([]);
    outbox.submit('a', 'two');
    await sent(1).ack(10);
    expect(states()).toEqual(['two:sent']);
    outbox.forgetSent('a');
    expect(states()).toEqual([]);
  });

  it('sends the same message from two tabs under one clientId, and each settles it', async () => {
    const first = outboxOn(storage);
    first.outbox.submit('a', 'one');
    const second = outboxOn(storage);
    await second.outbox.restore();
    for (const tab of [first, second]) tab.outbox.setOnline(true);
    expect(second.sent(0).item.clientId).toBe(first.sent(0).item.clientId);
    await first.sent(0).ack(5);
    second.outbox.observe(echo(second.sent(0).item, 5));
    await second.sent(0).ack(5);
    first.outbox.observePosition('a', 5);
    expect([...first.states(), ...second.states()]).toEqual([]);
    expect(storage.length).toBe(0);
  });

  it('leaves nothing behind when all is given up', async () => {
    const { outbox, sends, sent, states } = outboxOn(storage);
    outbox.setOnline(true);
    outbox.submit('a', 'one');
    outbox.submit('b', 'two');
    expect(outbox.unsent).toHaveLength(2);
    outbox.discardAll();
    await sent(0).refuse('busy', true);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(sends).toHaveLength(2);
    expect(states()).toEqual([]);
    expect(storage.length).toBe(0);
  });

  it('waits as long as the server says and keeps the order meanwhile', async () => {
    const { outbox, sends, sent } = outboxOn(storage);
    outbox.setOnline(true);
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
    const { outbox, sends, sent, states } = outboxOn(storage);
    outbox.setOnline(true);
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
    expect(storage.length).toBe(0);
  });

  it('survives a reload of the page with its clientIds, order and failures', async () => {
    const before = outboxOn(storage);
    before.outbox.setOnline(true);
    before.outbox.submit('a', 'one');
    before.outbox.submit('a', 'two');
    await before.sent(0).refuse('conflict', false);
    before.outbox.submit('a', 'three');
    const ids = before.outbox.items.get().map((item) => item.clientId);

    const after = outboxOn(storage);
    after.outbox.setOnline(true);
    await after.outbox.restore();
    expect(after.states()).toEqual(['one:failed', 'two:sending', 'three:queued']);
    expect(after.outbox.items.get().map((item) => item.clientId)).toEqual(ids);
  });

  it('does not send what another account wrote, and skips what it cannot read', async () => {
    outboxOn(storage, 'u_1').outbox.submit('a', 'mine');
    storage.setItem('plaza.outbox.u_2.broken', '{"clientId":');
    const other = outboxOn(storage, 'u_2');
    await other.outbox.restore();
    expect(other.states()).toEqual([]);
  });

  it('gives up what was meant for a room one has left, and says what', async () => {
    const { outbox, sent, states } = outboxOn(storage);
    outbox.setOnline(true);
    outbox.submit('a', 'one');
    outbox.submit('a', 'two');
    outbox.submit('b', 'stays');
    await sent(0).ack(1);
    expect(outbox.discardRoom('a').map((item) => item.text)).toEqual(['two']);
    expect(states()).toEqual(['stays:sending']);
    expect(storage.length).toBe(1);
  });

  it('sends nothing twice when going offline and online while an answer is outstanding', async () => {
    const { outbox, sends, sent, states } = outboxOn(storage);
    outbox.setOnline(true);
    outbox.submit('a', 'one');
    outbox.setOnline(false);
    outbox.setOnline(true);
    expect(sends).toHaveLength(1);
    await sent(0).ack(1);
    expect(states()).toEqual(['one:sent']);
  });
});
