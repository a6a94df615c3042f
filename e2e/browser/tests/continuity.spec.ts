// What a page makes of a server, or a network, that loses, repeats, reorders, or breaks off at a bad moment.

import { expect, test } from '../fixtures';
import { Frames, type Data } from '../frames';
import type { Person } from '../person';
import { Wire } from '../wire';

const seqOf = (data: Data) => Number(data.seq);

/** Ana behind `Frames` and a `Wire`, Ben beside her, both in `general`: made at 1, Ben joined at 2. */
async function two(plaza: { url: string }, person: (options?: object) => Promise<Person>) {
  const wire = await Wire.to(plaza.url);
  let frames: Frames | undefined;
  const before = async (page: Person['page']) => void (frames = await Frames.of(page));
  const ana = await person({ url: wire.url, before });
  if (frames === undefined) throw new Error('no frames');
  await ana.register('Ana');
  await ana.joinPublic('general');
  const ben = await person();
  await ben.beGuest('Ben');
  await ben.joinPublic('general');
  await ana.sees('Ben joined');
  return { ana, ben, frames, wire };
}

const texts = async (who: Person) => (await who.lines()).map(({ text }) => text);

test('a live message that is lost is fetched when the next one shows it', async ({ plaza, person }) => {
  const { ana, ben, frames, wire } = await two(plaza, person);
  frames.judge = (name, data) => (name === 'message' && [3, 4].includes(seqOf(data)) ? undefined : data);
  for (const text of ['one', 'two', 'three']) await ben.write(text);
  await ana.sees('three');
  expect(await texts(ana)).toEqual(['one', 'two', 'three']);
  await expect(ana.banner).toHaveText('');
  wire.close();
});

test('messages that come twice and in the wrong order are shown once, in order', async ({
  plaza,
  person,
}) => {
  const { ana, ben, frames, wire } = await two(plaza, person);
  const held: Data[] = [];
  frames.judge = (name, data) => {
    if (name !== 'message') return data;
    held.push(data);
    return undefined;
  };
  for (const text of ['one', 'two', 'three']) await ben.write(text);
  await expect.poll(() => held.length).toBe(3);
  for (const data of [...held].reverse().concat(held)) frames.give('message', data);
  await ana.sees('three');
  await ben.write('four');
  await expect.poll(() => held.length).toBe(4);
  frames.give('message', held[3] ?? {});
  await ana.sees('four');
  expect(await texts(ana)).toEqual(['one', 'two', 'three', 'four']);
  wire.close();
});

test('broken off between the word to reload and what is reloaded: nothing is skipped, and it is said', async ({
  plaza,
  person,
}) => {
  const { ana, ben, frames, wire } = await two(plaza, person);
  await ben.write('before');
  await ana.sees('before');
  wire.cut();
  await expect(ana.banner).toContainText('Reconnecting');
  for (let i = 1; i <= 5; i += 1) await ben.write(`missed ${i}`);
  await expect(ben.unsettled).toHaveCount(0);

  // Told to reload, then something live of the room, and lost before the answer to anything it asks for.
  let told = 0;
  frames.judge = (name, data) => {
    if (told > 0) return data;
    if (name === 'message') return undefined;
    if (name !== 'resumed') return data;
    told += 1;
    frames.answers = false;
    return { rooms: { general: { reload: 'too_far' } } };
  };
  wire.mend();
  await expect.poll(() => told).toBe(1);
  await ben.write('live');
  await expect(ben.unsettled).toHaveCount(0);
  await expect(ana.banner).toContainText('Reloaded general');
  wire.cut();
  frames.answers = true;
  wire.mend();
  await ana.sees('live');
  expect(frames.auths.at(-1)?.positions).toEqual({});
  await ben.write('after');
  await ana.sees('after');
  const missed = ['missed 1', 'missed 2', 'missed 3', 'missed 4', 'missed 5'];
  expect(await texts(ana)).toEqual(['before', ...missed, 'live', 'after']);
  await expect(ana.banner).toContainText('Reloaded general');
  wire.close();
});

test('a position of one history is never sent under the name of another', async ({ plaza, person }) => {
  const { ana, ben, frames, wire } = await two(plaza, person);
  await ben.write('before');
  await ana.sees('before');
  // The store was replaced, and the connection breaks before the page is told what that means for its rooms.
  let sessions = 0;
  const breakOff = () => {
    wire.cut();
    wire.mend();
  };
  frames.judge = (name, data) => {
    if (name === 'session') sessions += 1;
    if (sessions !== 1) return data;
    if (name === 'session') return { ...data, epoch: 'another' };
    breakOff();
    return undefined;
  };
  breakOff();
  await expect(ana.banner).toContainText("Reloaded general (the server's history was replaced)");
  expect(sessions).toBeGreaterThan(1);
  for (const { epoch, positions } of frames.auths) if (epoch === 'another') expect(positions).toEqual({});
  await ben.write('after');
  await ana.sees('after');
  expect(await texts(ana)).toEqual(['before', 'after']);
  wire.close();
});
