// Apollo Client, or urql, pages through calls; what it ends up with is printed.
import { ApolloClient, HttpLink, InMemoryCache, gql } from '@apollo/client/core/index.js';
import { relayStylePagination } from '@apollo/client/utilities/index.js';
import { Client, cacheExchange, fetchExchange } from '@urql/core';
import { filter, firstValueFrom } from 'rxjs';

const url = process.argv[2];
const pageOfCalls = `
  query Page($first: Int!, $after: String) {
    callRecords(first: $first, after: $after) {
      edges { cursor node { id __typename startedAt source { id } } }
      pageInfo { hasNextPage endCursor }
    }
  }`;

async function withApollo() {
  const client = new ApolloClient({
    link: new HttpLink({ uri: url }),
    cache: new InMemoryCache({
      typePolicies: { Query: { fields: { callRecords: relayStylePagination() } } },
    }),
  });
  const query = gql(pageOfCalls);
  const watched = client.watchQuery({ query, variables: { first: 7 } });
  let { data } = await firstValueFrom(watched.pipe(filter((told) => told.data)));
  while (data.callRecords.pageInfo.hasNextPage) {
    const variables = { after: data.callRecords.pageInfo.endCursor };
    ({ data } = await watched.fetchMore({ variables }));
  }
  // What a component shows in the end: all pages, put together by the cache.
  const shown = client.readQuery({ query, variables: { first: 7 } });
  client.stop();
  return shown.callRecords.edges.map(({ node }) => node.id);
}

async function withUrql() {
  const client = new Client({ url, exchanges: [cacheExchange, fetchExchange], preferGetMethod: false });
  const ids = [];
  let after = null;
  do {
    const { data, error } = await client.query(pageOfCalls, { first: 7, after }).toPromise();
    if (error) throw error;
    ids.push(...data.callRecords.edges.map(({ node }) => node.id));
    after = data.callRecords.pageInfo.hasNextPage ? data.callRecords.pageInfo.endCursor : null;
  } while (after);
  return ids;
}

const ways = { apollo: withApollo, urql: withUrql };
console.log(JSON.stringify(await ways[process.argv[3]]()));
