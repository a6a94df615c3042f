import { describe, expect, it } from 'vitest';
import type { Connection } from '../src/connection';
import { Lost } from '../src/failure';
import { Members } from '../src/members';
import type { Member, MembersPage, Role } from '../src/protocol';
import { at, change, person } from './log';

const member = (id: string, role: Role = 'member', readSeq?: number): Member => ({
  ...person(id),
  role,
  ...(readSeq === undefined ? {} : { readSeq }),
});

/** Members of `pages`, each answered when it is told to. */
function membersOf(...pages: (MembersPage | Error)[]) {
  const asked: object[] = [];
  const answers: (() => void)[] = [];
  const request = (_: string, payload: object) => {
    asked.push(payload);
    const page = pages.shift();
    return new Promise((resolve, reject) => {
      answers.push(() => (page instanceof Error || page === undefined ? reject(page) : resolve(page)));
    });
  };
  const members = new Members('general', request as Connection['request']);
  const ids = () => members.state.get().members?.map(({ id, role }) => `${id}:${role}`);
  return { members, asked, ids, answer: () => answers.shift()?.() };
}

describe('Members', () => {
  it('loads once, page by page, and follows the events', async () => {
    const { members, asked, ids, answer } = membersOf(
      { members: [member('a', 'owner'), member('c')], next: 'c' },
      { members: [member('e')] },
    );
    const first = [members.load(), members.load()];
    answer();
    await Promise.all(first);
    expect(asked).toEqual([{ roomId: 'general' }]);
    members.apply([change(5, 'member:added', 'b'), change(6, 'member:added', 'd')]);
    // One who belongs to a page that is not there yet comes with it.
    expect(ids()).toEqual(['a:owner', 'b:member', 'c:member']);
    const next = members.more();
    answer();
    await next;
    expect(asked.at(-1)).toEqual({ roomId: 'general', after: 'c' });
    expect(ids()).toEqual(['a:owner', 'b:member', 'c:member', 'e:member']);
    const promoted = { type: 'member:changed' as const, roomId: 'general', seq: 7, at, by: person('a') };
    members.apply([
      { ...promoted, user: person('b'), role: 'moderator' },
      change(8, 'member:banned', 'c', 'a'),
      change(9, 'member:removed', 'e'),
    ]);
    expect(ids()).toEqual(['a:owner', 'b:moderator']);
  });

  it('knows what happened while the page was on its way', async () => {
    const { members, ids, answer } = membersOf({ members: [member('a'), member('b')] });
    const loading = members.load();
    members.apply([change(5, 'member:removed', 'b'), change(6, 'member:added', 'z')]);
    answer();
    await loading;
    expect(ids()).toEqual(['a:member', 'z:member']);
  });

  it('says why a page did not come, and can be asked again', async () => {
    const { members, ids, answer } = membersOf(new Lost('Gone.'), { members: [member('a')] });
    const failing = members.load();
    answer();
    await failing;
    expect(members.state.get()).toMatchObject({ problem: 'Gone.', loading: false });
    const again = members.load();
    answer();
    await again;
    expect(ids()).toEqual(['a:member']);
  });

  it('knows how far each has read, and never less than before', async () => {
    const { members, answer } = membersOf({ members: [member('a', 'member', 4), member('b', 'member', 9)] });
    const loading = members.load();
    members.receipts({ roomId: 'general', read: { a: 7 } });
    answer();
    await loading;
    const before = members.state.get();
    members.receipts({ roomId: 'general', read: { b: 3 } });
    expect([...members.read]).toEqual([
      ['a', 7],
      ['b', 9],
    ]);
    expect(members.state.get()).not.toBe(before);
  });
});
