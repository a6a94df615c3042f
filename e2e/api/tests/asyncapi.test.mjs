// /asyncapi.json is an AsyncAPI document, and what travels is what it says: every request is made, and every answer
// and every event that comes is held against its schema.
import schema from "@asyncapi/specs/schemas/3.0.0.json" with { type: "json" };
import Ajv from "ajv";
import addFormats from "ajv-formats";
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import kinds from "../../../crates/protocol/fixtures/kinds.json" with { type: "json" };
import { io } from "socket.io-client";
import { register, startPlaza } from "../plaza.mjs";

const ACK_MS = 5_000;
let plaza, document, check;

before(async () => {
  plaza = await startPlaza();
  document = await (await fetch(`${plaza.url}/asyncapi.json`)).json();
  const ajv = addFormats(new Ajv({ strict: false, allErrors: true, validateFormats: true }));
  // What Rust calls a size is a number like any other here.
  for (const format of ["uint32", "uint64", "uint"]) ajv.addFormat(format, { type: "number", validate: (n) => n >= 0 });
  ajv.addSchema(document, "asyncapi");
  const pointer = (name) => encodeURIComponent(name.replaceAll("~", "~0").replaceAll("/", "~1"));
  check = (message, object) => {
    const validate = ajv.getSchema(`asyncapi#/components/messages/${pointer(message)}/payload`);
    assert.ok(validate, `the document has no message ${message}`);
    assert.ok(validate(object), `${message}: ${JSON.stringify(object)}\n${ajv.errorsText(validate.errors)}`);
  };
});
after(() => plaza.stop());

test("it is an AsyncAPI 3.0 document", () => {
  // The specification brings the draft that it is written in.
  const ajv = addFormats(new Ajv({ strict: false, allErrors: true, meta: false, validateSchema: false }));
  const validate = ajv.compile(schema);
  assert.ok(validate(document), ajv.errorsText(validate.errors, { separator: "\n" }));
});

/** A client that holds everything it is sent against the document. */
async function person(name, seen) {
  return connect({ token: await register(plaza.url, name) }, seen);
}

async function connect(auth, seen) {
  const socket = io(plaza.url, { auth, transports: ["websocket"], reconnection: false, forceNew: true });
  const messages = document.components.messages;
  const faults = [];
  const session = new Promise((arrived, failed) => {
    socket.once("session", arrived);
    socket.once("connect_error", failed);
  });
  socket.onAny((event, object) => {
    seen.add(event);
    try {
      check(messages[`${event}.told`] ? `${event}.told` : event, object);
    } catch (fault) {
      faults.push(fault);
    }
  });
  const ask = async (event, object) => {
    const meant = !("nonsense" in object);
    if (meant) check(event, object);
    const answer = await socket.timeout(ACK_MS).emitWithAck(event, object);
    check(`${event}.answer`, answer);
    assert.equal(faults.length, 0, faults.join("\n"));
    assert.equal(answer.ok, meant, `${event}: ${JSON.stringify(answer)}`);
    seen.add(`${event} → ${answer.ok}`);
    return answer;
  };
  await session;
  return { ask, socket, auth };
}

test("what travels is what it says", { timeout: 60_000 }, async () => {
  const seen = new Set();
  const [ana, ben, eva] = [await person("Ana", seen), await person("Ben", seen), await person("Eva", seen)];
  // It gets messages by the names of their kinds, too.
  const device = await connect({ ...ana.auth, kinds: true }, seen);
  const roomId = "hall";
  const group = await ana.ask("room:create", { kind: "group", name: "Kitchen" });
  const asked = [
    [ana, "room:create", { kind: "public", name: "Hall", id: roomId }],
    [ana, "room:create", { kind: "direct", user: "@Ben" }],
    [ben, "room:discover", { query: "hal" }],
    [ben, "room:join", { roomId }],
    [eva, "room:join", { roomId }],
    [ana, "presence:watch", { add: ["@Ben"] }],
    [ana, "presence:get", { users: ["@Ben", "@Nobody"] }],
    [ben, "presence:set", { visible: false }],
    [ben, "presence:set", { visible: true }],
    [ben, "typing", { roomId }],
    [ben, "message:send", { roomId, clientId: "1", kind: "text", body: { text: "hi" } }],
    ...Object.entries(kinds).flatMap(([kind, { good }]) =>
      good.flatMap((body, index) => [
        [ben, `message:${kind}`, { roomId, clientId: `${kind}${index}`, ...body }],
        [ben, "message:send", { roomId, clientId: `${kind}${index}`, kind, body }],
      ]),
    ),
    [ana, "room:read", { roomId, seq: 4 }],
    [ana, "room:rename", { roomId, name: "The hall" }],
    [ana, "member:role", { roomId, user: "@Ben", role: "moderator" }],
    [ana, "member:ban", { roomId, user: "@Eva" }],
    [ana, "room:bans", { roomId }],
    [ana, "member:unban", { roomId, user: "@Eva" }],
    [ana, "member:add", { roomId: group.room.id, user: "@Eva" }],
    [ana, "room:members", { roomId }],
    [ana, "room:history", { roomId }],
    [ana, "room:locate", { roomId, at: new Date().toISOString() }],
    [ana, "room:list", {}],
    [ana, "user:block", { user: "@Eva" }],
    [ana, "user:blocked", {}],
    [ana, "user:unblock", { user: "@Eva" }],
    [ana, "member:remove", { roomId, user: "@Ben" }],
    [eva, "room:leave", { roomId: group.room.id }],
  ];
  for (const [who, event, object] of asked) await who.ask(event, object);
  const session = await new Promise((arrived) => {
    const again = io(plaza.url, { auth: { guest: "Zoe" }, transports: ["websocket"], reconnection: false, forceNew: true });
    again.once("session", (told) => arrived({ told, again }));
  });
  check("session", session.told);
  session.again.disconnect();
  await ana.ask("room:resume", { positions: { [roomId]: 1 }, epoch: session.told.epoch });
  // A wrong request is refused as the document says, too.
  for (const event of Object.keys(document.operations).filter((name) => document.operations[name].action === "receive")) {
    await ana.ask(event, { nonsense: true });
    assert.ok(seen.has(`${event} → true`), `${event} was never accepted`);
    assert.ok(seen.has(`${event} → false`), `${event} takes nonsense`);
  }
  for (const kind of Object.keys(kinds)) assert.ok(seen.has(`message:${kind}`), `message:${kind} never came`);
  ben.socket.disconnect();
  const expected = Object.values(document.components.messages)
    .filter(({ name }) => !name.endsWith(".answer") && !document.operations[name]?.reply)
    .map(({ name }) => name)
    .filter((name) => name !== "session:ending");
  const until = Date.now() + 20_000;
  while (expected.some((name) => !seen.has(name)) && Date.now() < until) await new Promise((wake) => setTimeout(wake, 20));
  assert.deepEqual(expected.filter((name) => !seen.has(name)), [], "events that never came");
  for (const who of [ana, eva, device]) who.socket.disconnect();
});
