// Plaza for a page: connection, resuming, outbox, typed events. No framework, one dependency. README.md shows how.

export { type Reloaded, type Resumption } from './catch-up';
export { Chat, type Arrived, type ChatOptions } from './chat';
export { Connection, type ConnectionState } from './connection';
export { Credentials, type TextStorage } from './credentials';
export { Lost, Refused, sentence } from './failure';
export { Members, type MembersState } from './members';
export { type News, type Notice } from './notice';
export { Outbox } from './outbox';
export { type OutboxItem } from './outbox-item';
export { IndexedDbOutboxStorage, MemoryOutboxStorage, type OutboxStorage } from './outbox-storage';
export { Presence, type PresenceState } from './presence';
export * from './protocol';
export { Rest } from './rest';
export { Room, type RoomState } from './room';
export { Store, type Readable } from './store';
export { Timeline } from './timeline';
export { ALONE, tabs, type Tabs } from './turn';
export { TypingPeople } from './typing';
export * from './wire';
