// The pictures of the README: two people prepare a market day.
import { expect, test, type Page } from '@playwright/test';
import { Person } from '../person';
import { Plaza } from '../plaza';
import { Wire } from '../wire';
import { narrow, shoot, wide } from './camera';

/** Whole minutes after nine this morning, by position in the room: a conversation takes its time. */
const MINUTES = [0, 0, 2, 2, 5, 6, 6, 14, 15, 31, 32, 33, 47, 48, 49, 50];

function at(seq: number): string {
  const morning = new Date().setUTCHours(9, 4, 0, 0);
  return new Date(morning + (MINUTES[seq] ?? 51) * 60_000).toISOString();
}

/** Gives every event that the page is told of the time it has in the picture. */
async function retell(page: Page): Promise<void> {
  await page.routeWebSocket(/\/socket\.io\//, (near) => {
    const server = near.connectToServer();
    server.onMessage((frame) => {
      const told = (whole: string, seq: string, between: string) =>
        whole.length > 0 ? `"seq":${seq},${between}"at":"${at(Number(seq))}"` : whole;
      near.send(frame.toString().replace(/"seq":(\d+),([^]*?)"at":"[^"]*"/g, told));
    });
  });
}

const hueOf = (person: Person) =>
  person.page.locator('.you .avatar').evaluate((avatar) => /hue-\d+/.exec(avatar.className)?.[0]);

test('the pictures of the README', async ({ browser }) => {
  const plaza = await Plaza.start();
  const wire = await Wire.to(plaza.url);
  try {
    const ana = await Person.at(browser, wire.url, {}, retell);
    await ana.register('Ana');
    const anas = await hueOf(ana);
    // Colours follow from ids, which are random: two people of one colour make no good picture.
    const guests: Person[] = [];
    do {
      guests.push(await Person.at(browser, plaza.url, {}, retell));
      await guests.at(-1)?.beGuest(`Ben${guests.length === 1 ? '' : `-${guests.length}`}`);
    } while ((await hueOf(guests.at(-1) as Person)) === anas && guests.length < 5);
    const ben = guests.at(-1) as Person;

    for (const room of ['suppliers', 'lost-and-found', 'music']) await ana.joinPublic(room);
    await ben.joinPublic('music');
    await ben.write('The trio can play from eleven.');
    await ben.write('They need one socket and no stage.');
    await expect(ben.unsettled).toHaveCount(0);
    await ana.createGroup('Saturday crew');
    await ana.write('Van is booked, keys are with me.');
    await ana.joinPublic('general');
    await ben.joinPublic('general');
    await ana.sees('joined');

    await ana.write('Good morning! The stall by the fountain is free on Saturday. Shall we take it?');
    await ana.write('Two tables and the big awning would fit.');
    await ben.sees('awning');
    await ben.write('Yes please! I can bring the coffee machine.');
    await ana.sees('coffee machine');
    await ana.write('Then we need power. Here is the plan: https://example.org/square/plan?stall=12');
    await ben.sees('the plan');
    await ben.write('Socket 4 is right behind us, good.');
    await ben.write('I am on the train, so I may drop out in the tunnel for a minute.');
    await ana.sees('tunnel');
    await ana.write(
      'No worry, whatever you write will arrive. So:\n  1. awning and tables: me\n  2. coffee: you',
    );
    await ben.sees('awning and tables');

    wire.cut();
    await expect(ana.banner).toContainText('Reconnecting');
    await ben.write('Through the tunnel! And you are offline now :)');
    await ben.write('Deal. I count 40 cups, that should do.');
    await expect(ben.unsettled).toHaveCount(0);
    wire.mend();
    await expect(ana.banner).toContainText('Resumed: 2 messages caught up.');
    await ana.sees('40 cups');
    await ana.composer.fill('40 is plenty');
    await ana.page.emulateMedia({ colorScheme: 'light' });
    await shoot(ana.page, 'room');
    await ana.page.emulateMedia({ colorScheme: 'dark' });
    await shoot(ana.page, 'room-dark');
    await ana.page.emulateMedia({ colorScheme: 'light' });
    await ana.page.setViewportSize(narrow);
    await shoot(ana.page, 'room-narrow');
    await ana.page.setViewportSize(wide);
  } finally {
    wire.close();
    await plaza.stop();
  }
});
