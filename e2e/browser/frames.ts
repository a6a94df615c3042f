// A page's WebSocket, frame by frame: what the server says can be dropped, changed, or said twice. `Wire` cuts.

import type { Page, WebSocketRoute } from '@playwright/test';

export type Data = Record<string, unknown>;
/** Gives what the page shall get instead of this event's object, `undefined` for nothing at all. */
type Judge = (name: string, data: Data) => Data | undefined;

export class Frames {
  /** The `auth` of every CONNECT the page sent. */
  readonly auths: Data[] = [];
  judge: Judge = (_, data) => data;
  /** Whether the page gets answers to what it asks. */
  answers = true;
  #page: WebSocketRoute | undefined;

  /** Before the page is loaded. */
  static async of(page: Page): Promise<Frames> {
    const frames = new Frames();
    await page.routeWebSocket(/\/socket\.io\//, (near) => frames.#join(near));
    // There is no other way than through here.
    await page.route(/\/socket\.io\/.*transport=polling/, (route) => route.abort());
    return frames;
  }

  /** Says an event to the page that the server did not say now. */
  give(name: string, data: Data): void {
    this.#page?.send(`42${JSON.stringify([name, data])}`);
  }

  #join(page: WebSocketRoute): void {
    const server = page.connectToServer();
    this.#page = page;
    page.onMessage((frame) => {
      const text = frame.toString();
      if (text.startsWith('40')) this.auths.push(JSON.parse(text.slice(2)) as Data);
      server.send(frame);
    });
    server.onMessage((frame) => {
      const text = frame.toString();
      if (!text.startsWith('42')) {
        if (this.answers || !text.startsWith('43')) page.send(frame);
        return;
      }
      const [name, data] = JSON.parse(text.slice(2)) as [string, Data];
      const shown = this.judge(name, data);
      if (shown !== undefined) page.send(`42${JSON.stringify([name, shown])}`);
    });
  }
}
