import { graphql } from 'relay-runtime';

export const CallsQuery = graphql`
  query CallsQuery($id: ID!) {
    ...Calls_list @arguments(count: 7)
    node(id: $id) {
      id
      ...Calls_call @alias
    }
  }
`;

export const CallsList = graphql`
  fragment Calls_list on Query
  @argumentDefinitions(
    count: { type: "Int", defaultValue: 7 }
    cursor: { type: "String" }
    filter: { type: "CallFilter" }
  )
  @refetchable(queryName: "CallsPageQuery") {
    callRecords(first: $count, after: $cursor, filter: $filter) @connection(key: "Calls_callRecords") {
      complete
      edges {
        node {
          id
          ...Calls_call
        }
      }
    }
  }
`;

export const CallsCall = graphql`
  fragment Calls_call on CallRecord @refetchable(queryName: "CallsCallQuery") {
    startedAt
    disposition
    caller {
      number
    }
  }
`;
