// graphql-ws, graphql-sse or urql hears what a subscription tells, to its end.
import { Client, fetchExchange } from '@urql/core';
import { createClient as overSse } from 'graphql-sse';
import { createClient as overWs } from 'graphql-ws';
import WebSocket from 'ws';

const url = process.argv[2];
const variables = { id: process.argv[3] };
const query = `subscription ($id: ID!) {
  callRecordReady(ref: { id: $id }) { state record { id } } }`;

async function told(client) {
  const events = [];
  for await (const { data, errors } of client.iterate({ query, variables })) {
    if (errors) throw new Error(JSON.stringify(errors));
    events.push(data.callRecordReady);
  }
  await client.dispose();
  return events;
}

function toldToUrql() {
  const client = new Client({ url, exchanges: [fetchExchange], fetchSubscriptions: true });
  return new Promise((resolve, reject) => {
    const events = [];
    client.subscription(query, variables).subscribe(({ data, error, hasNext }) => {
      if (error) reject(error);
      // At the end it tells the last event once more.
      if (hasNext) events.push(data.callRecordReady);
      else resolve(events);
    });
  });
}

const ways = {
  ws: () => told(overWs({ url: url.replace('http', 'ws'), webSocketImpl: WebSocket })),
  sse: () => told(overSse({ url })),
  urql: toldToUrql,
};
console.log(JSON.stringify(await ways[process.argv[4]]()));
