// A small conversation, photographed in light, dark and narrow.
import { expect, test } from '@playwright/test';
import { PASSWORD, Person, storeUnsendable } from '../person';
import { Plaza } from '../plaza';
import { everyWay, narrow, shoot, wide } from './camera';

test('the main states', async ({ browser }) => {
  const external = process.env.PLAZA_URL;
  const plaza = external === undefined ? await Plaza.start() : undefined;
  const url = external ?? plaza?.url ?? '';

  const ana = await Person.at(browser, url);
  await everyWay(ana.page, 'sign-in');
  await ana.register('Ana');
  await everyWay(ana.page, 'no-rooms');
  await ana.page.getByRole('button', { name: 'New', exact: true }).click();
  await everyWay(ana.page, 'new-room');
  await ana.page.keyboard.press('Escape');
  await ana.joinPublic('general');
  await everyWay(ana.page, 'empty-room');

  const ben = await Person.at(browser, url);
  await ben.beGuest('Ben');
  await ben.joinPublic('general');
  const mia = await Person.at(browser, url);
  await mia.register('Mia.Sørensen');
  await mia.joinPublic('general');

  await ana.write('Good morning! The stall by the fountain is free on Saturday, shall we take it?');
  await ana.write('Two tables and the big awning would fit.');
  await ben.sees('awning');
  await ben.write('Yes please. I can bring the coffee machine ☕');
  await mia.sees('coffee');
  await mia.write('Here is the plan of the square: https://example.org/plaza/plan?stall=12 (page 3)');
  await ana.sees('plan of the square');
  await ana.write('Perfect. So:\n  1. awning and tables: me\n  2. coffee: Ben\n  3. posters: Mia');
  await ben.sees('posters');

  await ana.createGroup('Saturday crew');
  await ana.addMember('Mia.Sørensen');
  await everyWay(ana.page, 'members');
  await mia.room('Saturday crew').click();
  await mia.write('I am in.');
  await ana.page.keyboard.press('Escape');
  await ana.sees('I am in.');
  await ben.write('Do we have enough cups?');
  await ben.write('I count 40.');
  await mia.room('general').click();
  await mia.sees('I count 40');
  await mia.write('40 is plenty.');
  await expect(ana.room('general')).toContainText('3');
  await ana.room('general').click();
  await ana.sees('40 is plenty');
  await everyWay(ana.page, 'room');
  await ana.page.setViewportSize(narrow);
  await ana.page.getByRole('link', { name: 'Back to rooms' }).click();
  await shoot(ana.page, 'rooms-narrow');
  await ana.page.setViewportSize(wide);
  await ana.room('general').click();

  await ana.composer.fill('x'.repeat(8200));
  await shoot(ana.page, 'too-long-light');
  await ana.composer.fill('');
  await ana.page.getByRole('link', { name: 'History' }).click();
  await expect(ana.page.getByRole('table')).toBeVisible();
  await everyWay(ana.page, 'history');
  await ana.page.getByRole('link', { name: 'Back to the room' }).click();

  if (plaza !== undefined) {
    await plaza.kill();
    await expect(ana.banner).toContainText('Reconnecting');
    await ana.write('Can everybody still read me?');
    await expect(ana.message('still read me')).toHaveAttribute('data-state', 'queued');
    await everyWay(ana.page, 'reconnecting');
    await plaza.start();
    await expect(ana.banner).toContainText('Resumed', { timeout: 30_000 });
    await everyWay(ana.page, 'resumed');
    await storeUnsendable(ana.page, await plaza.logIn('Ana', PASSWORD), 'The poster, in 12 megabytes.');
    await ana.page.reload();
    await expect(ana.message('The poster')).toHaveAttribute('data-state', 'failed');
    await ana.page.setViewportSize({ width: 1280, height: 420 });
    await ana.timeline.evaluate((el) => (el.scrollTop = 0));
    await ben.write('We can.');
    await expect(ana.page.getByRole('button', { name: '1 new message' })).toBeVisible();
    await shoot(ana.page, 'new-below-light');
    await ana.page.setViewportSize(wide);
    await ana.page.getByRole('button', { name: '1 new message' }).or(ana.composer).first().click();
    await everyWay(ana.page, 'failed');
    await plaza.stop();
  }
  expect([...ana.faults, ...ben.faults, ...mia.faults]).toEqual([]);
});
