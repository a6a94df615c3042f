// Runs the whole suite against the server that PLAZA_ECHO names, or the argument `reference`; files named after it limit it to them.
//
// Without either it builds crates/socketio's examples and takes those. Exits 0 only when both the JavaScript and
// the Python half passed.
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";

const here = fileURLToPath(new URL(".", import.meta.url));
const root = fileURLToPath(new URL("../../", import.meta.url));
const python = `${root}.venv/bin/python`;

function run(command, args, options = {}) {
  const { status, error } = spawnSync(command, args, { stdio: "inherit", cwd: here, ...options });
  if (error) console.error(error.message);
  return status === 0;
}

const args = process.argv.slice(2);
const only = args.filter((arg) => arg !== "reference");
const echo = args.includes("reference") ? "reference" : (process.env.PLAZA_ECHO ?? build());
const env = { ...process.env, PLAZA_ECHO: echo, PYTHONDONTWRITEBYTECODE: "1" };
const files = (folder, ending) => readdirSync(`${here}${folder}`).filter((file) => file.endsWith(ending));

const tests = files("tests", ".test.mjs").map((file) => `tests/${file}`);
console.log(`JavaScript clients against ${echo}`);
// One file at a time: heartbeats of a fraction of a second do not go with a machine at its limit.
const javascript = run(
  process.execPath,
  ["--test", "--test-concurrency=1", "--test-reporter=spec", ...(only.length ? only : tests)],
  { env },
);

let pythonic = true;
if (only.length === 0) {
  if (!existsSync(python)) {
    console.error("python-socketio is not installed: scripts/setup test");
    process.exit(1);
  }
  console.log(`Python client against ${echo}`);
  pythonic = run(python, ["-m", "unittest", "discover", "--start-directory", "python"], { env });
}
process.exit(javascript && pythonic ? 0 : 1);

function build() {
  if (!run("cargo", ["build", "--quiet", "-p", "plaza-socketio", "--examples"], { cwd: root })) process.exit(1);
  return `${process.env.CARGO_TARGET_DIR ?? `${root}target`}/debug/examples/echo`;
}
