// Bundles the page into a folder: node bundle.mjs OUT [STAMP]
//
// Every file but manifest.json has a hash of its content in its name. manifest.json says which
// files the page starts from; STAMP is written into it as it came.
import { writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { build } from "esbuild";

const [out = "dist", stamp = ""] = process.argv.slice(2);

const shared = {
  bundle: true,
  minify: true,
  metafile: true,
  outdir: out,
  entryNames: "[name]-[hash]",
  chunkNames: "[name]-[hash]",
  assetNames: "[name]-[hash]",
  target: ["es2022"],
  legalComments: "eof",
  logLevel: "warning",
  define: {
    "process.env.NODE_ENV": '"production"',
    "process.env.USE_IMPORT": '"true"',
  },
};

// GraphiQL's style sheet brings the editor's styles with it; the copies that the editor's modules
// import one by one are left out.
const editorStyles = {
  name: "editor-styles",
  setup(plugin) {
    plugin.onLoad({ filter: /[\\/]monaco-editor[\\/].*\.css$/ }, () => ({
      contents: "",
      loader: "empty",
    }));
  },
};

function outputs(result) {
  return Object.entries(result.metafile.outputs)
    .filter(([, output]) => output.entryPoint)
    .map(([path, output]) => [basename(path), output]);
}

const workers = await build({
  ...shared,
  format: "iife",
  entryPoints: {
    "editor.worker": "monaco-editor/esm/vs/editor/editor.worker.js",
    "graphql.worker": "monaco-graphql/esm/graphql.worker.js",
    "json.worker": "monaco-editor/esm/vs/language/json/json.worker.js",
  },
});
const workerFiles = Object.fromEntries(
  outputs(workers).map(([file]) => [file.slice(0, file.indexOf(".")), file]),
);

const page = await build({
  ...shared,
  format: "esm",
  splitting: true,
  jsx: "automatic",
  entryPoints: { main: "main.jsx" },
  plugins: [editorStyles],
  define: { ...shared.define, WORKER_FILES: JSON.stringify(workerFiles) },
});
const [[script, { cssBundle }]] = outputs(page).filter(([file]) => file.startsWith("main-"));

await writeFile(
  join(out, "manifest.json"),
  `${JSON.stringify({ stamp, script, style: basename(cssBundle) }, null, 2)}\n`,
);
