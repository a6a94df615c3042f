import { describe, expect, it } from 'vitest';
import { pieces } from './links';

const hrefs = (text: string) => pieces(text).flatMap(({ href }) => (href === undefined ? [] : [href]));

describe('pieces', () => {
  it('gives back every character, in order', () => {
    for (const text of [
      '',
      'plain',
      'see https://a.example/x, or http://b.example.',
      'https://',
      '<b>x</b>',
    ]) {
      expect(
        pieces(text)
          .map((piece) => piece.text)
          .join(''),
      ).toBe(text);
    }
  });

  it('finds web addresses and leaves the punctuation around them alone', () => {
    expect(hrefs('(https://a.example/x), then https://b.example/y_(z).')).toEqual([
      'https://a.example/x',
      'https://b.example/y_(z)',
    ]);
  });

  it('links nothing but http and https, and no address that hides where it goes', () => {
    for (const text of [
      'javascript:alert(1)',
      'data:text/html,<script>',
      'ftp://a.example',
      'https://bank.example@evil.example/',
      'https://',
    ]) {
      expect(hrefs(text)).toEqual([]);
    }
  });

  it('does not carry markup into an address', () => {
    expect(hrefs('https://a.example/"onmouseover="x <https://b.example>')).toEqual([
      'https://a.example/',
      'https://b.example/',
    ]);
  });
});
