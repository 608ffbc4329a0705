// What the Node gateways share: the schema, the vendors' conversions, the pages. UP is the upstream's address.
import { Pool } from 'undici';

const upstream = new URL(process.env.UP);
const sources = (process.env.SOURCES ?? 'hq1,hq2,hq3').split(',');
const pool = new Pool(upstream.origin, { connections: 256, pipelining: 1 });

const text = (value) => { const plain = value == null ? '' : String(value).trim(); return plain === '' || plain.startsWith('0000-00-00') ? null : plain; };
const instant = (value) => {
  const plain = text(value);
  if (plain === null) return null;
  if (Number.isNaN(Date.parse(plain))) throw new Error('no moment');
  return plain.endsWith('Z') ? plain : new Date(plain).toISOString();
};
const between = (first, last) => (first === null || last === null || last < first ? null : Math.round((Date.parse(last) - Date.parse(first)) / 1000));

// ---- PortSIP

const DIRECTIONS = { INBOUND_CALL: 'INBOUND', OUTBOUND_CALL: 'OUTBOUND', EXTENSION_CALL: 'INTERNAL', INBOUND_OUTBOUND_CALL: 'TRANSIT' };
const STATUSES = { 0: 'NO_ANSWER', 403: 'NOT_ALLOWED', 408: 'NO_ANSWER', 480: 'NO_ANSWER', 486: 'BUSY', 487: 'CANCELLED', 600: 'BUSY', 603: 'REJECTED' };

function portsipDisposition(row) {
  const reroute = text(row.reroute_reason);
  if (reroute === 'QUEUE_ABANDONED') return 'ABANDONED';
  if (text(row.answered_at) !== null) return 'ANSWERED';
  if (reroute === 'CAPACITY_BLOCKED') return 'FAILED';
  if (text(row.end_reason) === 'CANCELLED') return 'CANCELLED';
  if (row.status_code == null || row.status_code === '') return 'UNKNOWN';
  return STATUSES[row.status_code] ?? 'FAILED';
}

function portsip(row) {
  const startedAt = instant(row.started_at), endedAt = instant(row.ended_at);
  return {
    nativeId: String(row.id), startedAt, answeredAt: instant(row.answered_at), endedAt,
    direction: DIRECTIONS[(text(row.direction) ?? '').toUpperCase()] ?? 'UNKNOWN', disposition: portsipDisposition(row),
    talkSeconds: row.duration, totalSeconds: between(startedAt, endedAt),
    caller: { number: text(row.caller) }, callee: { number: text(row.callee) },
  };
}

// ---- Yeastar

const WAYS = { INBOUND: 'INBOUND', OUTBOUND: 'OUTBOUND', INTERNAL: 'INTERNAL' };
const ENDS = { ANSWERED: 'ANSWERED', 'NO ANSWER': 'NO_ANSWER', BUSY: 'BUSY', FAILED: 'FAILED', VOICEMAIL: 'VOICEMAIL', ABANDONED: 'ABANDONED' };
const moment = (seconds) => new Date(seconds * 1000).toISOString().replace('.000Z', 'Z');
const isNumber = (value) => /\d/.test(value) && (/^[+\d\s()./*#-]+$/.test(value) || !/\s/.test(value));

function number(label, told) {
  const shown = text(label) ?? '', match = /^(.*)<([^<>]*)>$/s.exec(shown);
  const found = [text(told), text(match ? match[2] : isNumber(shown) ? shown : null)].filter((one) => one !== null);
  return found.find(isNumber) ?? null;
}

function yeastarDirection(row) {
  const way = WAYS[(text(row.call_type) ?? '').toUpperCase()] ?? 'UNKNOWN';
  return way === 'INBOUND' && text(row.dst_trunk) && !text(row.src_trunk) ? 'OUTBOUND' : way;
}

function yeastar(row) {
  const end = ENDS[(text(row.disposition) ?? '').toUpperCase()] ?? 'UNKNOWN';
  const inQueue = /^queue\b/i.test(text(row.call_to) ?? text(row.call_to_name) ?? '');
  let ring = row.ring_duration ?? null;
  if (ring === null && row.talk_duration != null && row.duration != null && row.talk_duration <= row.duration) ring = row.duration - row.talk_duration;
  return {
    nativeId: text(row.new_id) ?? text(row.id), startedAt: moment(row.timestamp),
    answeredAt: end === 'ANSWERED' && ring !== null ? moment(row.timestamp + ring) : null,
    endedAt: row.duration == null ? null : moment(row.timestamp + row.duration),
    direction: yeastarDirection(row), disposition: end === 'NO_ANSWER' && inQueue ? 'ABANDONED' : end,
    talkSeconds: end === 'ANSWERED' || end === 'UNKNOWN' ? row.talk_duration ?? null : 0, totalSeconds: row.duration ?? null,
    caller: { number: number(row.call_from, row.call_from_number) }, callee: { number: number(row.call_to, row.call_to_number) },
  };
}

// ---- the graph

async function page(path, key, convert) {
  const { body } = await pool.request({ path, method: 'GET' });
  return (await body.json())[key].map(convert);
}

const newestFirst = (one, two) => (one.startedAt < two.startedAt ? 1 : one.startedAt > two.startedAt ? -1 : 0);

async function callRecords() {
  const pages = await Promise.all(sources.map((id) => page(`/${id}/api/cdrs`, 'items', portsip)));
  return pages.flat().sort(newestFirst);
}

export const typeDefs = `
  type Party { number: String }
  enum CallDirection { INBOUND OUTBOUND INTERNAL TRANSIT UNKNOWN }
  enum CallDisposition { ANSWERED NO_ANSWER BUSY FAILED CANCELLED REJECTED VOICEMAIL ABANDONED NOT_ALLOWED UNKNOWN }
  type CallRecord {
    nativeId: String! startedAt: String! answeredAt: String endedAt: String direction: CallDirection! disposition: CallDisposition!
    talkSeconds: Int totalSeconds: Int caller: Party! callee: Party!
  }
  type Query { callRecords: [CallRecord!]! legs: [CallRecord!]! }
`;
export const resolvers = { Query: { callRecords, legs: () => page('/yard/openapi/v1.0/cdr/list', 'data', yeastar) } };
