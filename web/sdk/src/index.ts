// Plaza for a page: connection, resume, outbox, typed events. No framework, one dependency.

export { type Reloaded, type Resumption } from './catch-up';
export { Chat, type Notice } from './chat';
export { Connection, type ConnectionState } from './connection';
export { Credentials } from './credentials';
export { Lost, Refused, sentence } from './failure';
export { Outbox, type OutboxItem, type OutboxStorage } from './outbox';
export * from './protocol';
export { rest } from './rest';
export { Room, type RoomState } from './room';
export { Store, type Readable } from './store';
export { Timeline } from './timeline';
