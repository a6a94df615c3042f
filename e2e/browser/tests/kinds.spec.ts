// Messages that are more than text, as programs post them: each is shown, and nobody else's server is asked for anything
// before the reader wants it.

import { expect, test } from '../fixtures';
import type { Plaza } from '../plaza';

const PIXEL = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
);
const IMAGE = { imageUrl: 'https://pictures.example/cat.png', caption: 'A cat', width: 640, height: 480 };

async function post(plaza: Plaza, kind: string, body: object): Promise<void> {
  const answer = await fetch(`${plaza.url}/webhook/${kind}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ roomId: 'general', ...body }),
  });
  expect(answer.status, await answer.text()).toBe(200);
}

test('what is named by a message is asked of its server only when the reader asks', async ({
  plaza,
  person,
}) => {
  const asked: string[] = [];
  const ana = await person({
    before: async (page) => {
      await page.context().route('https://*.example/**', (route) => {
        asked.push(route.request().url());
        expect(route.request().headers()['referer']).toBeUndefined();
        return route.fulfill({ contentType: 'image/png', body: PIXEL });
      });
    },
  });
  await ana.register('Ana');
  await ana.joinPublic('general');
  await post(plaza, 'image', { ...IMAGE, sender: 'Camera 7' });
  await post(plaza, 'file', {
    fileUrl: 'https://files.example/a.pdf',
    fileName: 'Bill.pdf',
    fileSize: 52_431,
  });
  await post(plaza, 'location', { latitude: 10.7923119, longitude: 106.7820651, address: 'Saigon' });
  await post(plaza, 'audio', { audioUrl: 'https://sounds.example/a.mp3', duration: 12 });
  await post(plaza, 'zalo', { event: 'user_send_sticker', url: 'https://stickers.example/a.png' });

  const lines = ana.timeline.locator('li[data-seq]').filter({ has: ana.page.locator('.body') });
  const file = lines.getByRole('link', { name: /Bill\.pdf/ });
  await expect(file).toHaveAttribute('href', 'https://files.example/a.pdf');
  await expect(file).toHaveAttribute('rel', 'noopener noreferrer');
  await expect(file).toContainText('from files.example');
  await expect(lines.getByRole('link', { name: /Saigon/ })).toHaveAttribute(
    'href',
    /openstreetmap\.org.*10\.7923119/,
  );
  await expect(lines.getByRole('button', { name: /Play sound from sounds\.example/ })).toBeVisible();
  await expect(lines.getByText('On Zalo: user_send_sticker')).toBeVisible();

  // A program is marked as one, and is nobody to be written to.
  const head = lines.filter({ hasText: 'Camera 7' });
  await expect(head.locator('.badge')).toHaveText('webhook');
  await expect(head.getByRole('button', { name: 'Actions for Camera 7' })).toHaveCount(0);

  const box = ana.timeline.locator('figure .box');
  const before = await box.boundingBox();
  expect(asked).toEqual([]);
  await ana.timeline.getByRole('button', { name: 'Load picture from pictures.example' }).click();
  await expect(ana.timeline.getByRole('img', { name: 'A cat' })).toBeVisible();
  await expect.poll(() => asked).toEqual([IMAGE.imageUrl]);
  const after = await box.boundingBox();
  expect([after?.width, after?.height], 'its place was kept').toEqual([before?.width, before?.height]);
  expect((before?.width ?? 0) / (before?.height ?? 1)).toBeCloseTo(640 / 480, 1);
});

test('a reader who wants it gets pictures by themselves', async ({ plaza, person }) => {
  const ana = await person({
    before: async (page) => {
      const picture = { contentType: 'image/png', body: PIXEL };
      await page.context().route('https://*.example/**', (route) => route.fulfill(picture));
    },
  });
  await ana.register('Ana');
  await ana.joinPublic('general');
  await post(plaza, 'image', IMAGE);
  await expect(ana.timeline.getByRole('button', { name: /Load picture/ })).toBeVisible();
  await ana.page.evaluate(() => localStorage.setItem('plaza.load-foreign', 'on'));
  await ana.page.reload();
  await expect(ana.timeline.getByRole('img', { name: 'A cat' })).toBeVisible();
});
