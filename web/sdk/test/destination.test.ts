import { describe, expect, it } from 'vitest';
import { Destination } from '../src/destination';

const at = (destination: Destination) => {
  const { origin, path } = destination.place;
  return `${origin ?? ''}${path}`;
};

describe('where a client connects', () => {
  it('is where it was sent, and its own address again once nobody answers there', () => {
    const destination = new Destination('http://a:1');
    destination.failed();
    expect(at(destination)).toBe('http://a:1/socket.io/');
    destination.goTo('http://b:2/chat');
    expect(at(destination)).toBe('http://b:2/chat/socket.io/');
    destination.goTo('https://c');
    expect(at(destination)).toBe('https://c/socket.io/');
    destination.goTo(undefined);
    expect(at(destination)).toBe('https://c/socket.io/');
    destination.failed();
    expect(at(destination)).toBe('http://a:1/socket.io/');
  });

  it('is where the page comes from, if nobody says otherwise', () => {
    const destination = new Destination(undefined, 'http://a:1/room/general');
    expect(destination.place).toEqual({ origin: undefined, path: '/socket.io/' });
    destination.goTo('http://b:2');
    expect(at(destination)).toBe('http://b:2/socket.io/');
    destination.failed();
    expect(destination.place.origin).toBeUndefined();
  });

  it('has the path that its address has', () => {
    expect(at(new Destination('https://a/plaza/'))).toBe('https://a/plaza/socket.io/');
  });

  it('is never one that is no address, or less secret', () => {
    const own = ['https://a', undefined] as const;
    for (const url of own) {
      const destination = new Destination(url, 'https://a/room/general');
      const before = at(destination);
      for (const named of [
        '',
        'b',
        '//b',
        'http://b',
        'ftp://b',
        'javascript:1',
        'https://u:p@b',
        'https://b?x',
        'https://b#x',
      ]) {
        destination.goTo(named);
        expect(at(destination), named).toBe(before);
      }
      destination.goTo('https://b');
      expect(at(destination)).toBe('https://b/socket.io/');
    }
  });
});
