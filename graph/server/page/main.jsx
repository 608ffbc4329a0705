import { createGraphiQLFetcher } from "@graphiql/toolkit";
import { GraphiQL } from "graphiql";
import { createRoot } from "react-dom/client";
import "graphiql/style.css";
import "./main.css";

const { endpoint, defaultQuery } = JSON.parse(document.getElementById("settings").textContent);

// WORKER_FILES is put in by bundle.mjs: the editor's workers lie beside this file.
globalThis.MonacoEnvironment = {
  getWorker(_id, label) {
    return new Worker(new URL(WORKER_FILES[label] ?? WORKER_FILES.editor, import.meta.url));
  },
};

const url = new URL(endpoint, location.href);
const subscriptionUrl = new URL(url);
subscriptionUrl.protocol = url.protocol === "https:" ? "wss:" : "ws:";

const fetcher = createGraphiQLFetcher({
  url: url.href,
  subscriptionUrl: subscriptionUrl.href,
  enableIncrementalDelivery: false,
});

// Another GraphiQL on the same origin (a loopback port is often used again) stores its tabs under
// GraphiQL's own names; ours have a prefix, so a first visit shows our default query.
const PREFIX = "cdr-graph/";
const ours = () => Object.keys(localStorage).filter((key) => key.startsWith(PREFIX));
const storage = {
  getItem: (key) => localStorage.getItem(PREFIX + key),
  setItem: (key, value) => localStorage.setItem(PREFIX + key, value),
  removeItem: (key) => localStorage.removeItem(PREFIX + key),
  clear: () => ours().forEach((key) => localStorage.removeItem(key)),
  get length() {
    return ours().length;
  },
};

createRoot(document.getElementById("graphiql")).render(
  <GraphiQL
    fetcher={fetcher}
    defaultQuery={defaultQuery}
    storage={storage}
    schemaDescription
    inputValueDeprecation
  >
    <GraphiQL.Logo>cdr-graph</GraphiQL.Logo>
  </GraphiQL>,
);
