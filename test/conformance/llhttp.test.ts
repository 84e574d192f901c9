// The cases of llhttp's own test suite, with its strict verdict on each. What llhttp refuses, we refuse, however the bytes
// arrive; what it accepts, we read as it does or refuse for a reason that stands in the table below. Node's parser, which is
// llhttp, tells what llhttp reads.
import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { ResponseDecoder, type ResponseHead } from '../../src/http/h1/index.ts';
import { endToEndFields, findDifference, findSplitDifference, ourFields } from '../fuzz/compare.ts';
import { NodeReader } from '../fuzz/node-reading.ts';
import { readAsGate } from '../fuzz/our-reading.ts';
import { Random } from '../fuzz/random.ts';
import { findCorpus, readCorpusJson } from '../support/corpus.ts';
import { readResponseAsNode } from './node-response-reading.ts';

interface Case {
  readonly id: string;
  readonly title: string;
  readonly type: 'request' | 'response';
  readonly raw_base64: string;
  readonly llhttp:
    | { readonly verdict: 'accept'; readonly messages_complete: number }
    | { readonly verdict: 'error'; readonly reason: string };
}

const EXPECTED = { request: { accept: 34, error: 35 }, response: { accept: 24, error: 20 } };

/** llhttp accepts these and we do not. */
const stricter: Readonly<Record<string, string>> = {
  'request/connection/7': 'data follows a request that closes the connection',
  'request/method/5': 'M-SEARCH is no method of the IANA registry that a proxy passes on',
  'request/method/7': 'PURGE is no registered method: it commands caches',
  'request/method/12': 'ICE/1.0 is not HTTP',
  'request/method/13': 'RTSP/1.0 is not HTTP',
  'request/method/14': 'RTSP/1.0 is not HTTP',
  'request/transfer-encoding/7':
    'chunk extensions are refused: nobody needs them and parsers disagree on them',
  'request/transfer-encoding/17': 'chunked is the only transfer coding: guards must see the body',
  'request/uri/8': 'a fragment is never sent (RFC 9112 section 3.2)',
  'request/uri/10': 'user information in a target is refused (RFC 9110 section 4.2.4)',
  'response/sample/2': 'RTSP/1.1 is not HTTP',
  'response/sample/6': 'what follows the first response is none',
  'response/sample/16': 'HTTP/0.9 has no status line',
  'response/transfer-encoding/2':
    'chunked is not the last coding, so the length is unknown (RFC 9112 section 6.3)',
  'response/transfer-encoding/3':
    'chunked is not the last coding, so the length is unknown (RFC 9112 section 6.3)',
  'response/transfer-encoding/4': 'chunkedchunked is no transfer coding',
};

/** llhttp stops at these and leaves the rest to its caller, which is no refusal. */
const pauses: Readonly<Record<string, 'refused' | 'read on'>> = {
  'request/connection/12': 'read on',
  'request/connection/13': 'read on',
  'request/method/2': 'refused',
  'request/method/4': 'refused',
  'request/uri/9': 'refused',
  'response/connection/8': 'refused',
  'response/connection/9': 'refused',
};
const PAUSE = 'Pause on CONNECT/Upgrade';

/** Unfinished heads in which llhttp sees the error before the head ends; we see it then, or when the connection ends. */
const lateRefusals = ['request/content-length/3', 'request/invalid/18'];

/** llhttp does not ask for Host. Requests that we refuse for want of it are read again with one. */
const EXPECTED_WITHOUT_HOST = 23;

const corpus = findCorpus('llhttp');
const cases = corpus.skip === false ? readCorpusJson<Case[]>(corpus, 'cases.json') : [];
const random = new Random(113);

const addHost = (raw: Buffer): Buffer =>
  Buffer.from(
    raw.toString('latin1').replaceAll(/ HTTP\/1\.1\r\n/g, (line) => `${line}Host: a.example\r\n`),
    'latin1',
  );

interface OurResponse {
  readonly head: ResponseHead;
  body: string;
  complete: boolean;
}

interface OurResponses {
  readonly responses: readonly OurResponse[];
  readonly error: string | null;
  readonly finished: boolean;
}

function readResponses(bytes: Uint8Array, cuts: readonly number[] = []): OurResponses {
  const decoder = new ResponseDecoder();
  const responses: OurResponse[] = [];
  let error: string | null = null;
  let from = 0;
  for (const to of [...cuts, bytes.length]) {
    for (const event of decoder.feed(bytes.subarray(from, to))) {
      const current = responses.at(-1);
      if (event.kind === 'head') responses.push({ head: event.head, body: '', complete: false });
      else if (event.kind === 'error') error = event.code;
      else if (event.kind === 'data') current!.body += Buffer.from(event.bytes).toString('latin1');
      else current!.complete = true;
    }
    from = to;
  }
  const finished = error === null && decoder.finish().every((event) => event.kind !== 'error');
  return { responses, error, finished };
}

/** Ways to cut `length` bytes: every byte alone, and at random. */
function waysToCut(length: number): readonly (readonly number[])[] {
  const everywhere = Array.from({ length: Math.max(length - 1, 0) }, (_, i) => i + 1);
  return [everywhere, ...Array.from({ length: 20 }, () => random.cuts(length, 6))];
}

const read = (type: Case['type'], bytes: Uint8Array, cuts: readonly number[] = []) =>
  type === 'request' ? readAsGate(bytes, cuts) : readResponses(bytes, cuts);

function assertRefused({ id, type }: Case, bytes: Buffer): void {
  for (const cuts of [[], ...waysToCut(bytes.length)]) {
    const { error, finished } = read(type, bytes, cuts);
    assert.notEqual(error, 'request-host-invalid');
    if (error !== null) continue;
    assert.ok(lateRefusals.includes(id), `${id} is not refused, cut at ${cuts.join()}`);
    assert.equal(finished, false);
    assert.notEqual(read(type, Buffer.concat([bytes, Buffer.from('\r\n\r\n')]), cuts).error, null);
  }
}

function assertSameInPieces(type: Case['type'], bytes: Buffer): void {
  for (const cuts of waysToCut(bytes.length)) {
    if (type === 'request') {
      assert.equal(findSplitDifference(readAsGate(bytes), readAsGate(bytes, cuts)), null);
    } else {
      assert.deepEqual(readResponses(bytes, cuts), readResponses(bytes));
    }
  }
}

describe('llhttp', { skip: corpus.skip }, () => {
  const reader = new NodeReader();
  after(() => reader.close());
  let withoutHost = 0;

  test('the corpus has the cases that this runner knows', () => {
    const count = (type: string, verdict: string): number =>
      cases.filter((entry) => entry.type === type && entry.llhttp.verdict === verdict).length;
    assert.deepEqual(
      {
        request: { accept: count('request', 'accept'), error: count('request', 'error') },
        response: { accept: count('response', 'accept'), error: count('response', 'error') },
      },
      EXPECTED,
    );
    const ids = new Set(cases.map(({ id }) => id));
    for (const id of [...Object.keys(stricter), ...Object.keys(pauses), ...lateRefusals])
      assert.ok(ids.has(id), id);
    assert.equal(
      cases.filter(({ llhttp }) => llhttp.verdict === 'error' && llhttp.reason === PAUSE).length,
      Object.keys(pauses).length,
    );
  });

  for (const entry of cases) {
    const { id, type, llhttp } = entry;
    test(`${id}: ${entry.title}`, async () => {
      let bytes: Buffer = Buffer.from(entry.raw_base64, 'base64');
      if (type === 'request' && readAsGate(bytes).error === 'request-host-invalid') {
        withoutHost++;
        bytes = addHost(bytes);
      }
      if (llhttp.verdict === 'error') {
        if (llhttp.reason !== PAUSE || pauses[id] === 'refused') return assertRefused(entry, bytes);
        assert.equal(pauses[id], 'read on');
        assert.equal(findDifference(readAsGate(bytes), reader.read(bytes)), null);
        return assertSameInPieces(type, bytes);
      }
      if (id in stricter) return assertRefused(entry, bytes);
      assertSameInPieces(type, bytes);
      if (type === 'request') {
        const ours = readAsGate(bytes);
        const theirs = reader.read(bytes);
        assert.equal(ours.error, null);
        assert.equal(ours.requests.filter(({ complete }) => complete).length, llhttp.messages_complete);
        assert.equal(ours.requests.length, theirs.requests.length);
        assert.equal(findDifference(ours, theirs), null);
        return;
      }
      const ours = readResponses(bytes);
      assert.equal(ours.error, null);
      assert.equal(ours.responses.filter(({ complete }) => complete).length, llhttp.messages_complete);
      const theirs = await readResponseAsNode(bytes);
      const informational = ours.responses.filter(({ head }) => head.status < 200);
      const first = ours.responses[informational.length]!;
      assert.deepEqual(
        informational.map(({ head }) => head.status),
        theirs?.informational,
      );
      assert.equal(first.head.status, theirs!.status);
      assert.equal(ourFields(first.head.fields), endToEndFields(theirs!.fields, []));
      assert.equal(first.body, theirs!.body.toString('latin1'));
      assert.equal(first.complete, theirs!.complete);
    });
  }

  test('as many requests as expected lack nothing but Host', () => {
    assert.equal(withoutHost, EXPECTED_WITHOUT_HOST);
  });
});
