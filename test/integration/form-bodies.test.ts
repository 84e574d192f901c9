// Forms, multipart forms and texts against the contract, over the wire, written by real clients.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { startTestGate } from '../support/gate.ts';

const contract = `openapi: 3.1.0
info: { title: Forms, version: '1' }
paths:
  /login:
    post:
      operationId: login
      requestBody:
        required: true
        content:
          application/x-www-form-urlencoded:
            schema: { type: object, required: [ user ], properties: { user: { type: string, maxLength: 20 }, age: { type: integer } } }
      responses: {}
  /files:
    post:
      operationId: upload
      requestBody:
        required: true
        content:
          multipart/form-data:
            schema:
              type: object
              required: [ file ]
              properties: { file: { type: string, format: binary }, title: { type: string, maxLength: 10 } }
            encoding: { file: { contentType: 'image/png, image/jpeg' } }
      responses: {}
  /notes:
    post:
      operationId: note
      requestBody: { content: { text/plain: { schema: { type: string, maxLength: 5 } } } }
      responses: {}
`;

async function start(t: TestContext, validate = '{}') {
  const seen: string[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      seen.push(Buffer.concat(chunks).toString());
      response.end('{}');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  const gate = await startTestGate(t, {
    config: `listeners: { public: { port: 0, host: 127.0.0.1 } }
upstreams: { forms: { targets: [ http://127.0.0.1:${(server.address() as AddressInfo).port} ] } }
apis:
  forms:
    contract: ./openapi.yaml
    upstream: forms
    limits: []
    validate: ${validate}
    operations:
      login: { public: true, reason: test }
      upload: { public: true, reason: test }
      note: { public: true, reason: test }
telemetry: { listen: false, access-log: { to: { file: ./access.log } } }
`,
    contract,
  });
  const post = async (path: string, body: string | URLSearchParams | FormData, type?: string) => {
    const headers: Record<string, string> = type === undefined ? {} : { 'content-type': type };
    const response = await fetch(`http://127.0.0.1:${gate.port}${path}`, { method: 'POST', body, headers });
    const text = await response.text();
    const errors =
      response.status === 200 ? [] : (JSON.parse(text) as { errors?: { pointer?: string }[] }).errors;
    return { status: response.status, pointer: errors?.[0]?.pointer };
  };
  return { post, seen };
}

const formOf = (entries: Record<string, string | File>): FormData => {
  const form = new FormData();
  for (const [name, value] of Object.entries(entries)) form.set(name, value);
  return form;
};
const picture = (type: string, name = 'a.png') => new File([Buffer.from([0x89, 0, 255])], name, { type });

test('what a contract says of forms, multipart forms and texts is enforced', async (t) => {
  const { post, seen } = await start(t);
  assert.deepEqual(await post('/login', new URLSearchParams({ user: 'Tøm', age: '5' })), {
    status: 200,
    pointer: undefined,
  });
  assert.equal(seen.at(-1), 'user=T%C3%B8m&age=5');
  assert.deepEqual(await post('/login', new URLSearchParams({ user: 'x'.repeat(21) })), {
    status: 400,
    pointer: '/user',
  });
  assert.deepEqual(await post('/login', new URLSearchParams({ user: 'x', age: 'old' })), {
    status: 400,
    pointer: '/age',
  });
  assert.equal((await post('/login', new URLSearchParams({ user: 'x', admin: '1' }))).status, 400);
  assert.equal((await post('/login', 'user=x&user=y', 'application/x-www-form-urlencoded')).status, 400);
  assert.equal(
    (await post('/login', 'user=x', 'application/x-www-form-urlencoded; charset=utf-16')).status,
    415,
  );

  assert.equal((await post('/files', formOf({ file: picture('image/png'), title: 'æ' }))).status, 200);
  assert.match(seen.at(-1)!, /name="file"; filename="a.png"/);
  assert.deepEqual(await post('/files', formOf({ file: picture('text/html') })), {
    status: 400,
    pointer: '/file',
  });
  assert.deepEqual(await post('/files', formOf({ file: picture('image/png', 'a/b.png') })), {
    status: 400,
    pointer: '/file',
  });
  assert.deepEqual(await post('/files', formOf({ file: picture('image/png'), title: 'x'.repeat(11) })), {
    status: 400,
    pointer: '/title',
  });
  assert.equal((await post('/files', formOf({ title: 'x' }))).status, 400);

  assert.equal((await post('/notes', 'æøå', 'text/plain')).status, 200);
  assert.equal((await post('/notes', 'abcdef', 'text/plain; charset=utf-8')).status, 400);
});

test('forms stream unread where the configuration says so', async (t) => {
  const { post } = await start(t, '{ forms: false }');
  assert.equal((await post('/login', new URLSearchParams({ admin: '1' }))).status, 200);
  assert.equal((await post('/notes', 'abcdef', 'text/plain')).status, 200);
});
