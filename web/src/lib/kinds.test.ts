import { describe, expect, it } from 'vitest';
import { boxOf, coordinates, hostOf, lineOf, mapOf, sizeOf, type Said } from './kinds';
import { t } from './text';
import known from '../../../crates/protocol/fixtures/kinds.json?raw';

type Fixture = Record<string, { good: unknown[] }>;
const fixture = JSON.parse(known) as Fixture;

describe('kinds of messages', () => {
  it('has a line for each that the server knows, and one for what it does not know', () => {
    for (const [kind, { good }] of Object.entries(fixture)) {
      for (const body of good) {
        const line = lineOf({ kind, body } as Said);
        expect(line, kind).not.toBe('');
        expect(line, kind).not.toBe(t.kinds.unknown);
      }
    }
    expect(lineOf({ kind: 'hologram', body: {} } as unknown as Said)).toBe(t.kinds.unknown);
  });

  it('names the host that loading would ask', () => {
    expect(hostOf('https://example.org:8443/a.png')).toBe('example.org:8443');
    for (const bad of ['http://example.org/', 'javascript:alert(1)', 'https://a@b/', '', '//a/b']) {
      expect(hostOf(bad), bad).toBeUndefined();
    }
  });

  it('shows places and sizes as people read them', () => {
    expect(coordinates(10.7923119, -106.7820651)).toBe('10.79231° N, 106.78207° W');
    expect(mapOf(-1.5, 2)).toBe('https://www.openstreetmap.org/?mlat=-1.5&mlon=2#map=16/-1.5/2');
    expect([sizeOf(0), sizeOf(999), sizeOf(52_431)]).toEqual(['0 byte', '999 byte', '52.4 kB']);
  });

  it('keeps a place for a picture, whatever it says of itself', () => {
    expect(boxOf(640, 480)).toEqual({ width: 384, ratio: '1.3333' });
    expect(boxOf(undefined, 480)).toEqual({ width: 320, ratio: '16 / 9' });
    expect(boxOf(65_535, 1)).toEqual({ width: 384, ratio: '4.0000' });
    expect(boxOf(1, 65_535)).toEqual({ width: 160, ratio: '0.4000' });
  });
});
