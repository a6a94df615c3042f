// What a message looks like from afar: some are too long to stand in full, some are nothing but emoji.

const MANY_LINES = 18;
const MANY_CHARACTERS = 1_500;
/** Up to three of them. Of the `v` flag, which knows emoji of several code points. */
const EMOJI = new RegExp('^(?:\\p{RGI_Emoji}\\s?){1,3}$', 'v');

/** Whether it would push everything else out of view. */
export function isLong(text: string): boolean {
  return text.length > MANY_CHARACTERS || text.split('\n', MANY_LINES + 1).length > MANY_LINES;
}

export function isEmoji(text: string): boolean {
  return text.length < 64 && EMOJI.test(text.trim());
}
