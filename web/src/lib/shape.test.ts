import { describe, expect, it } from 'vitest';
import { isEmoji, isLong } from './shape';

describe('shape', () => {
  it('knows what is long', () => {
    expect(isLong('x'.repeat(1_500))).toBe(false);
    expect(isLong('x'.repeat(1_501))).toBe(true);
    expect(isLong('\n'.repeat(17))).toBe(false);
    expect(isLong('\n'.repeat(18))).toBe(true);
  });

  it('knows a few emoji, of any number of code points, from everything else', () => {
    for (const text of ['👍', '🧑‍🌾', '🇺🇦 ❤️', '👍🏽👍🏽👍🏽', ' 🎪\n']) expect(isEmoji(text), text).toBe(true);
    for (const text of ['', '👍👍👍👍', '1', '#', 'a👍', '👍!', '™']) expect(isEmoji(text), text).toBe(false);
  });
});
