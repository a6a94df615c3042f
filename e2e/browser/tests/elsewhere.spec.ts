// A page that comes from one place and finds its server at another: from another node, and from any static host.

import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { type AddressInfo } from 'node:net';
import { extname, join } from 'node:path';
import { expect, test } from '../fixtures';
import { PASSWORD, type Person } from '../person';
import { Plaza } from '../plaza';

const DIST = join(import.meta.dirname, '../../../web/dist');
const TYPES: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
};

/** What any web server does with a folder; `config` is put beside its page. */
async function staticHost(config: () => string): Promise<{ url: string; server: Server }> {
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://host');
    const name = pathname === '/' ? '/index.html' : pathname;
    if (name === '/config.json') return void response.setHeader('content-type', 'application/json').end(config());
    readFile(join(DIST, name)).then(
      (file) => response.setHeader('content-type', TYPES[extname(name)] ?? 'text/plain').end(file),
      () => response.writeHead(404).end(),
    );
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, server };
}

async function talk(person: Person): Promise<void> {
  await person.register('Ana');
  await person.joinPublic('hall');
  await person.write('From elsewhere');
  await person.sees('From elsewhere');
}

/** What was said is in that node's log, maybe in a moment. */
async function stored(plaza: Plaza): Promise<void> {
  const token = await plaza.logIn('Ana', PASSWORD);
  const texts = async () => (await plaza.log('hall', token)).map((event) => event.body?.text);
  await expect.poll(texts).toContain('From elsewhere');
}

test('a page of a static host talks to the node that its config.json names', async ({ person }) => {
  let api = '';
  const host = await staticHost(() => JSON.stringify({ apiBaseUrl: api }));
  const plaza = await Plaza.start({ PLAZA_SERVER__ALLOWED_ORIGINS: host.url });
  api = plaza.url;
  try {
    await talk(await person({ url: host.url }));
    await stored(plaza);
  } finally {
    await plaza.stop();
    host.server.close();
  }
});

test('a page of one node talks to the node that it is told of', async ({ plaza: api, person }) => {
  const pages = await Plaza.start({ PLAZA_WEB__API_BASE_URL: api.url });
  try {
    await api.terminate();
    api.settings.PLAZA_SERVER__ALLOWED_ORIGINS = pages.url;
    await api.start();
    await talk(await person({ url: pages.url }));
    await stored(api);
  } finally {
    await pages.stop();
  }
});
