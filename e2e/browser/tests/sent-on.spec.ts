// A node that stops tells its pages where to go: they go there, and come back to where they were when nobody answers there.

import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { expect, test } from '../fixtures';

/** Another address of a server, where it is counted who comes. */
class OtherAddress {
  came = 0;
  readonly #connections = new Set<Socket>();

  private constructor(
    readonly url: string,
    readonly server: Server,
  ) {}

  static async of(to: string): Promise<OtherAddress> {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const other = new OtherAddress(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, server);
    const { hostname, port } = new URL(to);
    server.on('connection', (client) => {
      other.came += 1;
      const node = connect(Number(port), hostname);
      for (const [from, into] of [[client, node], [node, client]] as const) {
        other.#connections.add(from);
        from.on('error', () => into.destroy());
        from.on('close', () => into.destroy());
        from.pipe(into);
      }
    });
    return other;
  }

  /** Nobody answers there any more. */
  close(): void {
    this.server.close();
    for (const connection of this.#connections) connection.destroy();
  }
}

test('a page goes where a node that stops sends it, and back when nobody answers there', async ({ plaza, person }) => {
  const other = await OtherAddress.of(plaza.url);
  try {
    Object.assign(plaza.settings, {
      PLAZA_SERVER__DRAIN__URLS: other.url,
      // At the other address the page is one of another origin.
      PLAZA_SERVER__ALLOWED_ORIGINS: plaza.url,
    });
    await plaza.terminate();
    await plaza.start();
    const ana = await person();
    await ana.register('Ana');
    await ana.joinPublic('hall');
    expect(other.came).toBe(0);

    await plaza.terminate();
    await plaza.start();
    await expect.poll(() => other.came, { timeout: 20_000 }).toBeGreaterThan(0);
    await ana.write('From the other address');
    await ana.sees('From the other address');
    await expect(ana.unsettled).toHaveCount(0);

    const before = other.came;
    other.close();
    await ana.write('From where it was');
    await expect(ana.unsettled).toHaveCount(0, { timeout: 20_000 });
    expect(other.came).toBe(before);
  } finally {
    other.close();
  }
});
