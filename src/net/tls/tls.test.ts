// The parsers of net/tls: DER, certificates, OCSP answers, SPIFFE ids and ClientHellos, with properties for whatever
// bytes come.
import assert from 'node:assert/strict';
import { generateKeyPairSync, sign } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { describe, test } from 'node:test';
import { connect } from 'node:tls';
import * as x509 from '@peculiar/x509';
import fc from 'fast-check';
import { canonicalSubject, parseCertificate, parseRevocationList, pemCertificates } from './certificate.ts';
import { readClientHello } from './client-hello.ts';
import {
  DerError,
  readChildren,
  readElement,
  readOid,
  readTime,
  readWhole,
  Tag,
  writeElement,
  writeOid,
} from './der.ts';
import { NameTable } from './name-table.ts';
import { buildOcspRequest, readOcspResponse } from './ocsp.ts';
import { parseSpiffeId, parseSpiffePattern } from './spiffe.ts';

describe('DER', () => {
  test('what is written is read', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 5 }), (contents) => {
        const whole = writeElement(
          Tag.sequence,
          ...contents.map((content) => writeElement(Tag.octetString, content)),
        );
        const children = readChildren(readWhole(whole, Tag.sequence));
        assert.deepEqual(
          children.map(({ content }) => [...content]),
          contents.map((content) => [...content]),
        );
      }),
    );
  });

  test('object identifiers go both ways', () => {
    const part = fc.integer({ min: 0, max: 2 ** 31 });
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 2 }),
        fc.integer({ min: 0, max: 39 }),
        fc.array(part),
        (a, b, rest) => {
          const dotted = [a, b, ...rest].join('.');
          assert.equal(readOid(readElement(writeOid(dotted))), dotted);
        },
      ),
    );
  });

  const bad: readonly [string, string][] = [
    ['nothing', ''],
    ['no length', '30'],
    ['cut off', '300501'],
    ['indefinite', '30800000'],
    ['long form for a short length', '308101ff'],
    ['leading zero in a length', '30820001ff'],
    ['a length beyond four bytes', '3085010000000000'],
    ['a tag of several bytes', '1f8101ff'],
  ];
  for (const [what, hex] of bad)
    test(`${what} is refused`, () => assert.throws(() => readElement(Buffer.from(hex, 'hex')), DerError));

  test('times that do not exist are refused', () => {
    const time = (tag: number, text: string) => readElement(writeElement(tag, Buffer.from(text)));
    assert.equal(readTime(time(Tag.utcTime, '491231235959Z')), Date.UTC(2049, 11, 31, 23, 59, 59));
    assert.equal(readTime(time(Tag.utcTime, '500101000000Z')), Date.UTC(1950, 0, 1));
    assert.equal(readTime(time(Tag.generalizedTime, '20500101000000Z')), Date.UTC(2050, 0, 1));
    for (const text of ['20500230000000Z', '20500101240000Z', '20500101000000', '20500101000000+0000'])
      assert.throws(() => readTime(time(Tag.generalizedTime, text)), DerError);
  });

  test('no bytes make a parser throw anything but DerError', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        try {
          parseCertificate(Buffer.from(bytes));
        } catch (error) {
          assert.ok(error instanceof DerError, String(error));
        }
      }),
    );
  });
});

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };

async function makeCertificate(extensions: x509.Extension[], name = 'CN=test'): Promise<Buffer> {
  const keys = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: '0123',
    name,
    notBefore: new Date('2026-01-01T00:00:00Z'),
    notAfter: new Date('2030-01-01T00:00:00Z'),
    signingAlgorithm: algorithm,
    keys,
    extensions,
  });
  return Buffer.from(certificate.rawData);
}

describe('certificates', () => {
  test('names, times and usage are read as they stand', async () => {
    const der = await makeCertificate(
      [
        new x509.SubjectAlternativeNameExtension([
          { type: 'dns', value: 'API.Example.com' },
          { type: 'dns', value: '*.example.com' },
          { type: 'url', value: 'spiffe://prod.example/x' },
          { type: 'email', value: 'Ops@EXAMPLE.com' },
          { type: 'ip', value: '10.0.0.1' },
        ]),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        new x509.BasicConstraintsExtension(false),
      ],
      'CN=desk, O=Example',
    );
    const { names, notBeforeMs, notAfterMs, isCa, keyUsage, mustStaple, ocspUrl } = parseCertificate(der);
    assert.deepEqual(names.dns, ['api.example.com', '*.example.com']);
    assert.deepEqual(names.uris, ['spiffe://prod.example/x']);
    assert.deepEqual(names.emails, ['Ops@example.com']);
    assert.equal(
      names.subject,
      canonicalSubject([
        ['O', 'Example'],
        ['CN', 'desk'],
      ]),
    );
    assert.equal(notBeforeMs, Date.UTC(2026, 0, 1));
    assert.equal(notAfterMs, Date.UTC(2030, 0, 1));
    assert.deepEqual([isCa, mustStaple, ocspUrl], [false, false, '']);
    assert.deepEqual(keyUsage, { digitalSignature: true, signsCertificates: false });
  });

  test('a name with odd characters makes the certificate unreadable', async () => {
    for (const value of ['a.example\0.evil.example', 'a b', 'a.example\r\nx', 'bücher.example']) {
      const raw = writeElement(Tag.sequence, writeElement(0x82, Buffer.from(value)));
      const der = await makeCertificate([new x509.Extension('2.5.29.17', false, new Uint8Array(raw))]);
      assert.throws(() => parseCertificate(der), DerError, value);
    }
  });

  test('one changed byte is either refused or changes what is read, and never crashes', async () => {
    const der = await makeCertificate([
      new x509.SubjectAlternativeNameExtension([{ type: 'dns', value: 'a.example' }]),
    ]);
    fc.assert(
      fc.property(fc.nat(der.length - 1), fc.integer({ min: 0, max: 255 }), (at, value) => {
        const changed = Buffer.from(der);
        changed[at] = value;
        try {
          parseCertificate(changed);
        } catch (error) {
          assert.ok(error instanceof DerError, String(error));
        }
      }),
    );
  });

  test('no attribute value can pretend to be another attribute', () => {
    const attribute = fc.tuple(fc.constantFrom('CN', 'O', 'OU'), fc.string({ maxLength: 8 }));
    fc.assert(
      fc.property(fc.array(attribute, { maxLength: 4 }), fc.array(attribute, { maxLength: 4 }), (a, b) => {
        const sorted = (list: [string, string][]) =>
          list
            .map((pair) => JSON.stringify(pair))
            .sort()
            .join();
        assert.equal(canonicalSubject(a) === canonicalSubject(b), sorted(a) === sorted(b));
      }),
    );
  });

  test('texts without certificates or lists have none', () => {
    assert.deepEqual(pemCertificates('nothing'), []);
    assert.deepEqual(parseRevocationList('nothing'), []);
  });
});

describe('SPIFFE ids', () => {
  const good = [
    'spiffe://prod.example/a',
    'spiffe://prod.example/ns/shop/sa/cart',
    'spiffe://prod_1.example-2/A.b-c_d',
    'spiffe://prod.example',
  ];
  for (const text of good) test(`${text} is one`, () => assert.notEqual(parseSpiffeId(text), null));
  const bad = [
    'spiffe:///a',
    'SPIFFE://prod.example/a',
    'spiffe://Prod.example/a',
    'spiffe://prod.example/',
    'spiffe://prod.example//a',
    'spiffe://prod.example/a/',
    'spiffe://prod.example/../a',
    'spiffe://prod.example/./a',
    'spiffe://prod.example/a%2fb',
    'spiffe://prod.example/a?x',
    'spiffe://prod.example/a#x',
    'spiffe://user@prod.example/a',
    'spiffe://prod.example:443/a',
    'spiffe://prod.exämple/a',
    'spiffe://prod.example/ä',
    'spiffe://prod.example/a b',
    'spiffe://prod.example\\x/a',
    'https://prod.example/a',
    `spiffe://${'a'.repeat(256)}/a`,
    `spiffe://a/${'a'.repeat(2048)}`,
  ];
  for (const text of bad) test(`${text.slice(0, 40)} is none`, () => assert.equal(parseSpiffeId(text), null));

  test('an id is its parts, and nothing else reads as an id', () => {
    const segment = fc
      .stringMatching(/^[A-Za-z0-9._-]{1,8}$/)
      .filter((text) => text !== '.' && text !== '..');
    fc.assert(
      fc.property(
        fc.stringMatching(/^[a-z0-9._-]{1,12}$/),
        fc.array(segment, { minLength: 1 }),
        (domain, path) => {
          const text = `spiffe://${domain}/${path.join('/')}`;
          assert.deepEqual(parseSpiffeId(text), { trustDomain: domain, path: `/${path.join('/')}` });
        },
      ),
    );
    fc.assert(
      fc.property(fc.string(), (text) => {
        const id = parseSpiffeId(`spiffe://${text}`);
        if (id !== null) assert.equal(`spiffe://${id.trustDomain}${id.path}`, `spiffe://${text}`);
      }),
    );
  });

  const cases: readonly [string, string, boolean][] = [
    ['spiffe://a/x/*', 'spiffe://a/x/y', true],
    ['spiffe://a/x/*', 'spiffe://a/x', false],
    ['spiffe://a/x/*', 'spiffe://a/x/y/z', false],
    ['spiffe://a/x/**', 'spiffe://a/x/y/z', true],
    ['spiffe://a/x/**', 'spiffe://a/x', false],
    ['spiffe://a/**', 'spiffe://a/x', true],
    ['spiffe://a/**', 'spiffe://b/x', false],
    ['spiffe://a/**', 'spiffe://a', false],
    ['spiffe://a/*/y', 'spiffe://a/x/y', true],
    ['spiffe://a/x', 'spiffe://a/X', false],
  ];
  for (const [pattern, id, matches] of cases)
    test(`${pattern} ${matches ? 'is' : 'is not'} for ${id}`, () =>
      assert.equal(parseSpiffePattern(pattern)!.matches(parseSpiffeId(id)!), matches));
  for (const text of ['spiffe://*/a', 'spiffe://a', 'spiffe://a/x*', 'spiffe://a/**/x', 'spiffe://a/', 'a/b'])
    test(`${text} is no pattern`, () => assert.equal(parseSpiffePattern(text), null));
});

describe('server names', () => {
  test('exact before wildcard, one label, any case, first claim', () => {
    const table = new NameTable<number>();
    assert.deepEqual(table.add(['a.example', '*.example'], 1), []);
    assert.deepEqual(table.add(['A.example', 'b.example'], 2), ['a.example']);
    assert.equal(table.find('A.EXAMPLE'), 1);
    assert.equal(table.find('b.example'), 2);
    assert.equal(table.find('c.example'), 1);
    assert.equal(table.find('x.c.example'), null);
    assert.equal(table.find('example'), null);
    assert.equal(table.find('.example'), null);
    assert.equal(table.find('*.example'), 1);
  });
});

/** First bytes of a connection of Node's own client. */
async function helloOf(options: { servername?: string; ALPNProtocols?: string[] }): Promise<Buffer> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = connect({
    port: (server.address() as { port: number }).port,
    host: '127.0.0.1',
    ...options,
  });
  client.on('error', () => {});
  const [socket] = (await once(server, 'connection')) as [import('node:net').Socket];
  let bytes = Buffer.alloc(0);
  while (readClientHello(bytes).kind === 'need-more') {
    const [chunk] = (await once(socket, 'data')) as [Buffer];
    bytes = Buffer.concat([bytes, chunk]);
  }
  client.destroy();
  socket.destroy();
  server.close();
  return bytes;
}

describe('ClientHello', () => {
  test('name and protocols of a real one, however it is cut', async () => {
    const hello = await helloOf({ servername: 'API.example.com', ALPNProtocols: ['h2', 'acme-tls/1'] });
    const expected = { kind: 'hello', protocols: ['h2', 'acme-tls/1'], serverName: 'api.example.com' };
    assert.deepEqual(readClientHello(hello), expected);
    for (let end = 0; end < hello.length; end++)
      assert.equal(readClientHello(hello.subarray(0, end)).kind, 'need-more', String(end));
    // The same message in records of 100 bytes.
    const message = hello.subarray(5);
    const records: Buffer[] = [];
    for (let at = 0; at < message.length; at += 100) {
      const piece = message.subarray(at, at + 100);
      records.push(Buffer.from([22, 3, 1, piece.length >> 8, piece.length & 0xff]), piece);
    }
    assert.deepEqual(readClientHello(Buffer.concat(records)), expected);
  });

  test('without name and protocols it has none', async () => {
    assert.deepEqual(readClientHello(await helloOf({})), { kind: 'hello', protocols: [], serverName: '' });
  });

  test('plain HTTP, other records and damaged hellos are left to TLS', async () => {
    assert.equal(readClientHello(Buffer.from('GET / HTTP/1.1\r\n')).kind, 'other');
    assert.equal(readClientHello(Buffer.from([21, 3, 1, 0, 2, 1, 0])).kind, 'other');
    const hello = await helloOf({ servername: 'a.example', ALPNProtocols: ['h2'] });
    fc.assert(
      fc.property(fc.nat(hello.length - 1), fc.integer({ min: 0, max: 255 }), (at, value) => {
        const changed = Buffer.from(hello);
        changed[at] = value;
        readClientHello(changed);
      }),
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => void readClientHello(Buffer.from(bytes))),
    );
  });
});

describe('OCSP', () => {
  test('an answer that was changed anywhere is not believed', async () => {
    const issuer = await makeAuthority();
    const answer = await issuer.answer('good');
    const nowMs = Date.UTC(2026, 5, 2);
    const read = (response: Buffer, at = nowMs) =>
      readOcspResponse(response, issuer.leaf, issuer.certificate, at);
    const verdict = read(answer);
    assert.ok(typeof verdict !== 'string' && verdict.status === 'good', String(verdict));
    assert.match(String(read(answer, Date.UTC(2026, 5, 9))), /out of date/);
    assert.match(String(read(answer, Date.UTC(2026, 4, 1))), /future/);
    const revoked = read(await issuer.answer('revoked'));
    assert.ok(typeof revoked !== 'string' && revoked.status === 'revoked');
    const stranger = await makeAuthority();
    assert.match(
      String(readOcspResponse(answer, stranger.leaf, issuer.certificate, nowMs)),
      /another certificate/,
    );
    assert.match(
      String(readOcspResponse(await stranger.answer('good'), issuer.leaf, issuer.certificate, nowMs)),
      /signature/,
    );
    fc.assert(
      fc.property(fc.nat(answer.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
        const changed = Buffer.from(answer);
        changed[at] = changed[at]! ^ flip;
        const found = read(changed);
        // The outer wrapping is not signed, and says nothing; all else is.
        if (typeof found !== 'string') assert.equal(found.status, 'good');
      }),
      { numRuns: 500 },
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        assert.equal(typeof read(Buffer.from(bytes)), 'string');
      }),
    );
  });

  test('a request names issuer and serial number', async () => {
    const issuer = await makeAuthority();
    const request = buildOcspRequest(issuer.leaf, issuer.certificate);
    const [tbs] = readChildren(readWhole(request, Tag.sequence));
    const [list] = readChildren(tbs!);
    const [single] = readChildren(list!);
    const [id] = readChildren(single!);
    assert.deepEqual(readChildren(id!)[3]!.content, parseCertificate(issuer.leaf).serial);
  });
});

/** An authority that answers for one certificate, with answers of our own making. */
async function makeAuthority() {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const keys = {
    privateKey: await crypto.subtle.importKey(
      'pkcs8',
      new Uint8Array(privateKey.export({ type: 'pkcs8', format: 'der' })),
      algorithm,
      true,
      ['sign'],
    ),
    publicKey: await crypto.subtle.importKey(
      'spki',
      new Uint8Array(publicKey.export({ type: 'spki', format: 'der' })),
      algorithm,
      true,
      ['verify'],
    ),
  };
  const dates = { notBefore: new Date('2026-01-01'), notAfter: new Date('2030-01-01') };
  const root = await x509.X509CertificateGenerator.createSelfSigned({
    name: 'CN=root',
    ...dates,
    signingAlgorithm: algorithm,
    keys,
    extensions: [new x509.BasicConstraintsExtension(true)],
  });
  const leafKeys = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const leaf = await x509.X509CertificateGenerator.create({
    subject: 'CN=leaf',
    issuer: root.subject,
    ...dates,
    signingAlgorithm: algorithm,
    publicKey: leafKeys.publicKey,
    signingKey: keys.privateKey,
  });
  const certificate = Buffer.from(root.rawData);
  const leafDer = Buffer.from(leaf.rawData);
  const time = (text: string) => writeElement(Tag.generalizedTime, Buffer.from(text));
  const answer = (status: 'good' | 'revoked'): Buffer => {
    const request = buildOcspRequest(leafDer, certificate);
    const [tbs] = readChildren(readWhole(request));
    const [id] = readChildren(readChildren(readChildren(tbs!)[0]!)[0]!);
    const state = status === 'good' ? writeElement(0x80) : writeElement(0xa1, time('20260531000000Z'));
    const single = writeElement(
      Tag.sequence,
      id!.bytes,
      state,
      time('20260601000000Z'),
      writeElement(0xa0, time('20260608000000Z')),
    );
    const responder = writeElement(0xa1, parseCertificate(certificate).subject);
    const data = writeElement(
      Tag.sequence,
      responder,
      time('20260601000000Z'),
      writeElement(Tag.sequence, single),
    );
    const basic = writeElement(
      Tag.sequence,
      data,
      writeElement(Tag.sequence, writeOid('1.2.840.10045.4.3.2')),
      writeElement(Tag.bitString, Buffer.from([0]), sign('sha256', data, privateKey)),
    );
    return writeElement(
      Tag.sequence,
      writeElement(Tag.enumerated, Buffer.from([0])),
      writeElement(
        0xa0,
        writeElement(Tag.sequence, writeOid('1.3.6.1.5.5.7.48.1.1'), writeElement(Tag.octetString, basic)),
      ),
    );
  };
  return { certificate, leaf: leafDer, answer };
}
