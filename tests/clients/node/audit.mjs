// The audit suite of GraphQL over HTTP: prints every audit that is not passed.
import { auditServer } from 'graphql-http';

const results = await auditServer({ url: process.argv[2] });
const failed = results
  .filter(({ status }) => status !== 'ok')
  .map(({ status, id, name, reason }) => `${status} ${id} ${name}: ${reason}`);
console.log(JSON.stringify({ audits: results.length, failed }));
