// Serves the files below a folder from memory, each answer after a delay: node upstream.mjs FOLDER PORT DELAY_MS
// A PortSIP page has no more rows than `top` asks for.
import { createServer } from 'node:http';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const [folder, port, delay] = process.argv.slice(2);
const pages = new Map();

function read(path, top) {
  let body;
  try { body = readFileSync(join(folder, path)); } catch { return null; }
  if (top === null) return body;
  const page = JSON.parse(body);
  return Buffer.from(JSON.stringify({ ...page, items: page.items.slice(0, +top) }));
}

function page(url) {
  const { pathname, searchParams } = new URL(url, 'http://upstream');
  const top = searchParams.get('top');
  const key = `${pathname} ${top}`;
  if (!pages.has(key)) pages.set(key, read(pathname, top));
  return pages.get(key);
}

const server = createServer((request, response) => {
  const body = page(request.url);
  const answer = () => {
    response.writeHead(body ? 200 : 404, { 'content-type': 'application/json', 'content-length': body ? body.length : 0 });
    response.end(body ?? '');
  };
  if (+delay) setTimeout(answer, +delay); else answer();
});
server.keepAliveTimeout = 300_000;
server.listen(+port, '127.0.0.1', 8192);
