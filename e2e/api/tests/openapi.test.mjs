// Schemathesis against the real binary: no 5xx, no answer that /openapi.json does not name.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { after, before, test } from "node:test";
import { register, root, startPlaza } from "../plaza.mjs";

const CHECKS = [
  "not_a_server_error",
  "status_code_conformance",
  "content_type_conformance",
  "response_schema_conformance",
  "missing_required_header",
  "unsupported_method",
  "ignored_auth",
];
// Each would end the session that asks.
const ENDS_THE_SESSION = ["/logout", "/sessions", "/password"];

let plaza, token;
before(async () => {
  plaza = await startPlaza();
  token = await register(plaza.url, "Ana");
});
after(() => plaza.stop());

async function answersAsDocumented(config, checks) {
  const args = [
    ["--config-file", `${root}e2e/api/${config}`, "run", `${plaza.url}/openapi.json`, "--no-color"],
    ["--header", `Authorization: Bearer ${token}`, "--checks", checks.join(","), "--max-examples", "20"],
    ENDS_THE_SESSION.flatMap((path) => ["--exclude-path", path]),
  ].flat();
  const child = spawn(`${root}.venv/bin/st`, args, { cwd: root, stdio: ["ignore", "pipe", "inherit"] });
  let output = "";
  child.stdout.on("data", (text) => (output += text));
  const [code] = await once(child, "exit");
  assert.equal(code, 0, output);
}

test("about anything at random, every answer is one that the document names", { timeout: 180_000 }, () =>
  answersAsDocumented("schemathesis.toml", [...CHECKS, "negative_data_rejection"]));

test("about a room and a person that are there, too", { timeout: 180_000 }, async () => {
  const asked = { headers: { authorization: `Bearer ${token}`, "content-type": "application/json" }, method: "POST" };
  const body = JSON.stringify({ kind: "public", name: "Hall", id: "hall" });
  await register(plaza.url, "Ben");
  assert.equal((await fetch(`${plaza.url}/api/v1/rooms`, { ...asked, body })).status, 201);
  await answersAsDocumented("there.toml", CHECKS);
});
