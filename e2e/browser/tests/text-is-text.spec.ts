// Whatever somebody writes stays text, and the policy never has to step in.

import { expect, test } from '../fixtures';

const NASTY = [
  '<script>document.title="owned"</script>',
  '<img src=x onerror="document.title=\'owned\'">',
  '<svg/onload=alert(1)>',
  '<style>*{display:none}</style>',
  '"><iframe srcdoc="<script>parent.document.title=1</script>">',
  'javascript:alert(1)',
  '{@html "<b>x</b>"} {{7*7}} ${7*7}',
  '&lt;b&gt;not bold&lt;/b&gt;',
  '[click](javascript:alert(1))',
];

test('markup and scripts in messages and names stay text', async ({ plaza, person }) => {
  const ana = await person();
  await ana.register('Ana');
  await ana.joinPublic('general');
  const ben = await person();
  await ben.beGuest('Ben');
  await ben.joinPublic('general');
  for (const text of NASTY) await ana.write(text);
  await expect(ana.unsettled).toHaveCount(0);
  for (const someone of [ana, ben]) {
    await expect.poll(async () => (await someone.lines()).map(({ text }) => text)).toEqual(NASTY);
    const made = someone.timeline.locator('li .text :is(script, img, svg, style, iframe, b, a)');
    await expect(made).toHaveCount(0);
    await expect(someone.page).not.toHaveTitle('owned');
  }

  const name = '<img src=x onerror=alert(1)>';
  await ana.createGroup(name);
  await expect(ana.page.getByRole('heading', { name })).toBeVisible();
  await expect(ana.page.locator('img')).toHaveCount(0);

  await ben.page.goto('/history/general');
  await expect(ben.page.locator('td.what .text')).toHaveText(NASTY);
  expect(plaza.output).not.toContain('panicked');
});

test('web addresses become links that tell the other side nothing', async ({ person }) => {
  const ana = await person();
  await ana.register('Ana');
  await ana.joinPublic('general');
  await ana.write('see https://example.org/a?b=1#c, and http://example.com.');
  const links = ana.timeline.locator('li .text a');
  await expect(links).toHaveCount(2);
  await expect(links.first()).toHaveAttribute('href', 'https://example.org/a?b=1#c');
  await expect(links.first()).toHaveAttribute('rel', 'noopener noreferrer');
});

test('the policy forbids what it should', async ({ plaza }) => {
  const policy = (await fetch(plaza.url)).headers.get('content-security-policy') ?? '';
  expect(policy).toContain("script-src 'self'");
  expect(policy).toContain("style-src 'self'");
  expect(policy).not.toContain('unsafe');
});
