// What people really write and how they really name things: long, many, right to left.
import { expect, test, type Browser } from '@playwright/test';
import { io } from 'socket.io-client';
import { PASSWORD, Person } from '../person';
import { Plaza } from '../plaza';
import { everyWay, narrow, shoot, wide } from './camera';

const ADDRESS = `https://example.org/${'a-very-long-path/'.repeat(12)}?with=${'parameters'.repeat(9)}`;

test('hard cases', async ({ browser }) => {
  const plaza = await Plaza.start();
  try {
    await hard(browser, plaza);
  } finally {
    await plaza.stop();
  }
});

/** Mia writes `message 1 of many` and so on. */
async function many(plaza: Plaza, count: number): Promise<void> {
  const socket = io(plaza.url, { auth: { token: await plaza.logIn('Mia', PASSWORD) } });
  await new Promise((resumed) => socket.once('resumed', resumed));
  const say = (i: number) =>
    socket.timeout(30_000).emitWithAck('message:send', {
      roomId: 'general',
      clientId: `many-${i}`,
      kind: 'text',
      body: { text: `message ${i} of many` },
    });
  for (let from = 1; from <= count; from += 200) {
    await Promise.all(Array.from({ length: 200 }, (_, i) => say(from + i)));
  }
  socket.close();
}

async function hard(browser: Browser, plaza: Plaza): Promise<void> {
  const ana = await Person.at(browser, plaza.url);
  await ana.register('Ana-with-a-name-of-32-characters');
  const rooms = ['announcements', 'random', 'kitchen', 'suppliers', 'market-day', 'lost-and-found', 'music'];
  for (const room of rooms) await ana.joinPublic(room);
  for (let i = 1; i <= 14; i += 1) await ana.joinPublic(`stall-${i}`);
  await ana.createGroup('The group of everybody who ever had a stall on the square, and of some who not');
  await ana.write('A room with a long name.');
  await ana.joinPublic(`a-room-id-${'of-sixty-four-characters-'.repeat(2)}ok`);
  await ana.joinPublic('general');
  const omar = await Person.at(browser, plaza.url);
  await omar.beGuest('عمر-الخيام');
  await omar.joinPublic('general');
  const mia = await Person.at(browser, plaza.url);
  await mia.register('Mia');
  await mia.joinPublic('general');

  await ana.write('Short.');
  await omar.write('صباح الخير! هل المكان بجانب النافورة متاح يوم السبت؟ (general)');
  await mia.sees('صباح');
  await mia.write(`One address: ${ADDRESS} and one word: ${'unbreakable'.repeat(20)}`);
  await ana.sees('One address');
  await ana.write('👍');
  await ana.write('Emoji 🎪☕🧑‍🌾 in the middle of a line, and שלום and 你好 and\ttabs.');
  await ana.sees('Emoji');
  await mia.write(Array.from({ length: 9 }, (_, i) => `${'  '.repeat(i % 3)}line ${i + 1}`).join('\n'));
  await expect(ana.message('line 9')).toBeVisible();
  await everyWay(ana.page, 'hard');
  await ana.page.setViewportSize({ width: 1920, height: 1080 });
  await shoot(ana.page, 'hard-1920');
  await ana.page.setViewportSize({ width: 820, height: 1100 });
  await ana.openMembers();
  await shoot(ana.page, 'hard-members-820');
  await ana.page.keyboard.press('Escape');
  await ana.page.setViewportSize(wide);

  await mia.write('Eight kibibytes: '.padEnd(8_192, 'the quick brown fox jumps over the lazy dog. '));
  await expect(ana.message('Eight kibibytes')).toBeVisible();
  await everyWay(ana.page, 'hard-8k');
  await ana.composer.fill('One line\nand another\nand a third');
  await shoot(ana.page, 'composer-three-lines');
  await ana.composer.fill('مرحبا بالجميع');
  await shoot(ana.page, 'composer-rtl');
  await ana.composer.fill('');
  await ana.room('The group of everybody').click();
  await expect(ana.composer).toBeVisible();
  await everyWay(ana.page, 'hard-room-name');
  await ana.page.setViewportSize(narrow);
  await ana.page.getByRole('link', { name: 'Back to rooms' }).click();
  await shoot(ana.page, 'hard-rooms-narrow');
  await ana.page.setViewportSize(wide);

  // Ten thousand messages: one who comes back, and one who goes to the beginning.
  await mia.page.goto('/');
  await ana.room('stall-1').first().click();
  await many(plaza, 10_000);
  await ana.page.setViewportSize(wide);
  await ana.room('general').first().click();
  await ana.sees('message 10000 of many');
  await everyWay(ana.page, 'many');
  await ana.page.getByRole('button', { name: /unread messages, from the first/ }).click();
  await expect(ana.message('message 1 of many')).toBeInViewport();
  await everyWay(ana.page, 'many-first');

  // Where the focus is can be seen.
  await ana.page.goto('/room/general');
  await expect(ana.composer).toBeFocused();
  await ana.page.keyboard.press('Shift+Tab');
  await shoot(ana.page, 'focus-timeline');
  await ana.page.getByRole('link', { name: 'History' }).focus();
  await ana.page.keyboard.press('Tab');
  await shoot(ana.page, 'focus-members');
  await ana.room('music').focus();
  await ana.page.keyboard.press('ArrowDown');
  await shoot(ana.page, 'focus-room');

  const page = ana.page;
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByLabel('Name').fill('Ana');
  await page.getByLabel('Password').fill('wrong password');
  await page.getByRole('button', { name: 'Sign in' }).click();
  await expect(page.getByRole('alert')).toBeVisible();
  await everyWay(page, 'sign-in-refused');
}
