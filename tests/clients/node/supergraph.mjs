// Composes the subgraph with a second one, and resolves entities across them through a gateway.
import { composeServices } from '@apollo/composition';
import { ApolloGateway, LocalGraphQLDataSource, RemoteGraphQLDataSource } from '@apollo/gateway';
import { buildSubgraphSchema } from '@apollo/subgraph';
import { parse } from 'graphql';

const url = process.argv[2];

async function ask(query, variables) {
  const answer = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ query, variables }),
  });
  return answer.json();
}

const ticketsSdl = `
  extend schema @link(url: "https://specs.apollo.dev/federation/v2.3", import: ["@key", "@shareable"])
  type Query { tickets: [Ticket!]!  ticketPage: PageInfo! }
  type Ticket @key(fields: "number") { number: Int!  call: CallRecord! }
  type CallRecord @key(fields: "id") { id: ID!  note: String! }
  type Source @key(fields: "id") { id: ID!  contact: String! }
  type PageInfo @shareable {
    hasNextPage: Boolean!  hasPreviousPage: Boolean!  startCursor: String  endCursor: String
  }
`;

const { data: listed } = await ask('{ callRecords(first: 3) { nodes { id } } _service { sdl } }');
const ids = listed.callRecords.nodes.map(({ id }) => id);

const composed = composeServices([
  { name: 'calls', url, typeDefs: parse(listed._service.sdl) },
  { name: 'tickets', url: 'http://tickets.invalid', typeDefs: parse(ticketsSdl) },
]);

const tickets = buildSubgraphSchema({
  typeDefs: parse(ticketsSdl),
  resolvers: {
    Query: { tickets: () => ids.map((id, n) => ({ number: n + 1, call: { id } })) },
    CallRecord: { note: ({ id }) => `a note on ${id}` },
    Source: { contact: ({ id }) => `${id}@example.com` },
  },
});

let answers = null;
if (composed.supergraphSdl) {
  const gateway = new ApolloGateway({
    supergraphSdl: composed.supergraphSdl,
    buildService: ({ name }) =>
      name === 'tickets' ? new LocalGraphQLDataSource(tickets) : new RemoteGraphQLDataSource({ url }),
    logger: { debug() {}, info() {}, warn: console.error, error: console.error },
  });
  const { executor } = await gateway.load();
  const through = async (query) => {
    const answer = await executor({
      document: parse(query),
      request: { query, variables: {} },
      queryHash: query,
      operationName: null,
      cache: new Map(),
      context: {},
      overallCachePolicy: {},
      schema: gateway.schema,
      metrics: {},
    });
    return { data: answer.data, errors: answer.errors };
  };
  answers = {
    there: await through('{ tickets { number call { id startedAt caller { number } } } }'),
    back: await through(
      '{ callRecords(first: 3) { nodes { id note source { id contact } } pageInfo { hasNextPage } } }',
    ),
    hidden: gateway.schema.getQueryType().getFields().node === undefined,
  };
  await gateway.stop();
}
console.log(
  JSON.stringify({
    errors: (composed.errors ?? []).map(String),
    hints: (composed.hints ?? []).map(({ message }) => message),
    ids,
    ...answers,
  }),
);
