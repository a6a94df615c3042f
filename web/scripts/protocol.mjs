// Writes sdk/src/protocol.ts from the published documents, docs/api, which are made of crates/protocol. With --check it
// writes nothing and fails where the file is another one.
//
// It knows what schemas made of Rust types have in them, and nothing more. What is optional is absent, never null.
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { format, resolveConfig } from 'prettier';

const at = (path) => fileURLToPath(new URL(`../${path}`, import.meta.url));
const read = (name) => JSON.parse(readFileSync(at(`../docs/api/${name}`), 'utf8'));
const [asyncapi, openapi] = [read('asyncapi.json'), read('openapi.json')];

const text = (schema) => (schema.description ? `/** ${schema.description.replaceAll(/\s+/g, ' ')} */\n` : '');
const isNull = (schema) => schema.type === 'null';

/** A schema as a TypeScript type. */
function type(schema) {
  const parts = [];
  if (schema.$ref) parts.push(schema.$ref.split('/').at(-1));
  for (const part of schema.allOf ?? []) parts.push(type(part));
  const others = (schema.oneOf ?? schema.anyOf)?.filter((other) => !isNull(other));
  if (others) parts.push(`(${others.map((other) => text(other).trim() + type(other)).join(' | ')})`);
  if (schema.properties) parts.push(fields(schema));
  return parts.length ? parts.join(' & ') : plain(schema);
}

function fields({ properties, required = [] }) {
  const lines = Object.entries(properties).map(
    ([name, field]) => `${text(field)}${name}${required.includes(name) ? '' : '?'}: ${type(field)};`,
  );
  return `{\n${lines.join('\n')}\n}`;
}

function plain(schema) {
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(' | ');
  const kind = [schema.type].flat().find((kind) => kind !== 'null');
  switch (kind) {
    case 'array':
      return `(${type(schema.items)})[]`;
    case 'object':
      if (schema.additionalProperties) return `Record<string, ${type(schema.additionalProperties)}>`;
      return schema.additionalProperties === false ? 'Record<string, never>' : 'Record<never, never>';
    case 'integer':
      return 'number';
    case 'string':
    case 'number':
    case 'boolean':
      return kind;
    default:
      throw new Error(`a schema of no known kind: ${JSON.stringify(schema)}`);
  }
}

const types = Object.entries({ ...openapi.components.schemas, ...asyncapi.components.schemas })
  .sort(([one], [other]) => (one < other ? -1 : 1))
  .map(([name, schema]) => `${text(schema)}export type ${name} = ${type(schema)};`);

const { messages } = asyncapi.components;
const entries = (action, line) =>
  Object.entries(asyncapi.operations)
    .filter(([, operation]) => operation.action === action)
    .map(([name]) => line(name, messages[name]))
    .join('\n');

const source = `// Plaza's wire as TypeScript. Made of docs/api by scripts/protocol.mjs; what is edited here is lost.

/** Position in a room's log: the first event is 1, there are no holes, and 0 is "before the first". */
export type Seq = number;
/** Positions by room, as a client holds them. */
export type Positions = Record<string, Seq>;
/** The envelope of every acknowledgement. */
export type Answer<T> = ({ ok: true } & T) | { ok: false; error: Error };

${types.join('\n\n')}

/** Every request, with what it is answered. */
export interface Requests {
${entries('receive', (name, { title }) => `'${name}': [${title}, ${messages[`${name}.answer`].title}];`)}
}

/** Every event with its object. Those of a room's log carry their name in \`type\` too. */
export interface Events {
${entries('send', (_, { name, title, payload }) => `'${name}': ${payload.allOf ? `{ type: '${name}' } & ` : ''}${title};`)}
}
`;
const path = at('sdk/src/protocol.ts');
const made = await format(source, { ...(await resolveConfig(path)), parser: 'typescript' });
if (!process.argv.includes('--check')) writeFileSync(path, made);
else if (readFileSync(path, 'utf8') !== made) {
  console.error('web/sdk/src/protocol.ts is not what docs/api says: npm --prefix web run protocol');
  process.exit(1);
}
