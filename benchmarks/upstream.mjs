// Serves the files below a folder from memory, each answer after a delay: node upstream.mjs FOLDER PORT DELAY_MS
import { createServer } from 'node:http';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const [folder, port, delay] = process.argv.slice(2);
const pages = new Map();

function page(path) {
  if (!pages.has(path)) {
    try { pages.set(path, readFileSync(join(folder, path))); } catch { pages.set(path, null); }
  }
  return pages.get(path);
}

const server = createServer((request, response) => {
  const body = page(request.url.split('?')[0]);
  const answer = () => {
    response.writeHead(body ? 200 : 404, { 'content-type': 'application/json', 'content-length': body ? body.length : 0 });
    response.end(body ?? '');
  };
  if (+delay) setTimeout(answer, +delay); else answer();
});
server.keepAliveTimeout = 300_000;
server.listen(+port, '127.0.0.1', 8192);
