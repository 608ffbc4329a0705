// GraphQL Code Generator makes TypeScript types out of schema.graphql and an operation.
import { readFileSync } from 'node:fs';
import { codegen } from '@graphql-codegen/core';
import * as typescript from '@graphql-codegen/typescript';
import * as operations from '@graphql-codegen/typescript-operations';
import { parse } from 'graphql';

const made = await codegen({
  filename: 'calls.ts',
  schema: parse(readFileSync(process.argv[2], 'utf8')),
  documents: [
    {
      document: parse(`query Calls($filter: CallFilter) {
        callRecords(filter: $filter) { complete nodes { id startedAt cost { amount }
          details { vendor ... on YeastarDetails { __typename } } } } }`),
    },
  ],
  config: { scalars: { DateTime: 'string', Decimal: 'string', Long: 'number', JSON: 'unknown' } },
  plugins: [{ typescript: {} }, { operations: {} }],
  pluginMap: { typescript, operations },
});
console.log(JSON.stringify({ made }));
