// relay-compiler compiles a paginated fragment; relay-runtime then pages with what it made.
import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const [, , url, schema] = process.argv;
const here = dirname(fileURLToPath(import.meta.url));
const require = createRequire(import.meta.url);
const work = mkdtempSync(join(tmpdir(), 'relay-'));
try {
  cpSync(join(here, 'relay'), join(work, 'src'), { recursive: true });
  cpSync(schema, join(work, 'schema.graphql'));
  writeFileSync(join(work, 'package.json'), '{}');
  writeFileSync(
    join(work, 'relay.config.json'),
    JSON.stringify({
      src: './src',
      schema: './schema.graphql',
      language: 'javascript',
      customScalarTypes: { DateTime: 'string' },
    }),
  );
  const told = execFileSync(require('relay-compiler'), ['relay.config.json'], { cwd: work });
  const page = require(join(work, 'src', '__generated__', 'CallsPageQuery.graphql.js'));

  const { Environment, Network, RecordSource, Store, fetchQuery } = require('relay-runtime');
  const network = Network.create(async ({ text: query }, variables) => {
    const headers = { 'content-type': 'application/json' };
    const body = JSON.stringify({ query, variables });
    return (await fetch(url, { method: 'POST', headers, body })).json();
  });
  const environment = new Environment({ network, store: new Store(new RecordSource()) });
  const node = page.default ?? page;
  for (let cursor = null, more = true; more; ) {
    await fetchQuery(environment, node, { count: 7, cursor }).toPromise();
    const source = environment.getStore().getSource().toJSON();
    const connection = Object.entries(source).find(([id]) => id.includes('__Calls_callRecords'));
    const info = source[connection[1].pageInfo.__ref];
    [cursor, more] = [info.endCursor, info.hasNextPage];
    if (!more) {
      const edges = connection[1].edges.__refs.map((edge) => source[edge].node.__ref);
      console.log(JSON.stringify({ told: String(told), ids: edges.map((id) => source[id].id) }));
    }
  }
} finally {
  rmSync(work, { recursive: true });
}
