// A Plaza for each test, ended with it, and people whose pages must not have broken the policy.

import { expect, test as base, type BrowserContextOptions } from '@playwright/test';
import { Person, type Prepare } from './person';
import { Plaza } from './plaza';

interface Fixtures {
  plaza: Plaza;
  /** Opens the page in a browser context of its own; `before` may prepare it. */
  person(options?: BrowserContextOptions & { url?: string; before?: Prepare }): Promise<Person>;
}

export const test = base.extend<Fixtures>({
  plaza: async ({}, use, info) => {
    const plaza = await Plaza.start();
    await use(plaza);
    await plaza.stop();
    if (info.status !== info.expectedStatus) await info.attach('plaza', { body: plaza.output });
  },
  person: async ({ browser, plaza }, use) => {
    const people: Person[] = [];
    await use(async ({ url, before, ...options } = {}) => {
      const person = await Person.at(browser, url ?? plaza.url, options, before);
      people.push(person);
      return person;
    });
    const faults = people.flatMap((person) => person.faults);
    for (const person of people) await person.page.context().close();
    expect(faults, 'no script error, no dialog, nothing for the policy to forbid').toEqual([]);
  },
});

export { expect };
