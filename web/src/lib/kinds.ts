// What messages of each kind say in one line, and where what they name lies. A kind that is added without a line here is
// an error of the type check.

import type { MessageEvent } from '../../sdk/src';
import { t } from './text';

/** What a message says: its kind and the fields of that kind. */
export type Said = MessageEvent extends infer One
  ? One extends { kind: infer K; body: infer B }
    ? { kind: K; body: B }
    : never
  : never;

/** What a text says; `undefined` for other kinds. */
export const textOf = (message: Said): string | undefined =>
  message.kind === 'text' ? message.body.text : undefined;

/** One line for lists, notifications and whoever listens. */
export function lineOf(message: Said): string {
  switch (message.kind) {
    case 'text':
      return message.body.text;
    case 'image':
      return t.kinds.image(message.body.caption);
    case 'file':
      return t.kinds.file(message.body.fileName);
    case 'location':
      return t.kinds.location(message.body.address);
    case 'audio':
      return t.kinds.audio;
    case 'zalo':
      return message.body.text ?? t.kinds.zalo(message.body.event ?? '');
    default:
      // A kind that a later server has.
      message satisfies never;
      return t.kinds.unknown;
  }
}

/** The host that one asks by loading this; `undefined` for what no page may load. */
export function hostOf(url: string): string | undefined {
  try {
    const { protocol, host, username, password } = new URL(url);
    return protocol === 'https:' && username === '' && password === '' ? host : undefined;
  } catch {
    return undefined;
  }
}

/** Where a place is on a map. */
export function mapOf(latitude: number, longitude: number): string {
  const at = `${latitude}/${longitude}`;
  return `https://www.openstreetmap.org/?mlat=${latitude}&mlon=${longitude}#map=16/${at}`;
}

/** Degrees as people write them. */
export function coordinates(latitude: number, longitude: number): string {
  const part = (degrees: number, above: string, below: string) =>
    `${Math.abs(degrees).toFixed(5)}° ${degrees < 0 ? below : above}`;
  return `${part(latitude, 'N', 'S')}, ${part(longitude, 'E', 'W')}`;
}

/** A size as people read it. */
export function sizeOf(bytes: number): string {
  const units = ['byte', 'kilobyte', 'megabyte', 'gigabyte', 'terabyte'] as const;
  const step = bytes < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(bytes) / 3));
  const style = { style: 'unit', unit: units[step] ?? 'byte', maximumFractionDigits: 1 } as const;
  return new Intl.NumberFormat(t.locale, style).format(bytes / 1000 ** step);
}

/** The box kept for a picture before it is there: as wide as it may be, and no higher than the other bound. */
export function boxOf(
  width: number | undefined,
  height: number | undefined,
): { width: number; ratio: string } {
  const [most, highest] = [384, 320];
  if (width === undefined || height === undefined || width < 1 || height < 1)
    return { width: 320, ratio: '16 / 9' };
  const scale = Math.min(1, most / width, highest / height);
  // Not so small that the button in it has no place, nor so thin.
  const shown = Math.max(160, Math.round(width * scale));
  const ratio = Math.min(4, Math.max(0.4, width / height));
  return { width: shown, ratio: ratio.toFixed(4) };
}
