// What takes part in `npm run bench -- waf`: the gate and nginx with ModSecurity, both with the same Core Rule Set at
// paranoia level 1 and blocking, beside nginx without rules; and requests whose values differ every time.
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { nginxBase, nginxTemporary, orderBody, ports } from './setup.ts';

const module = '/usr/lib/nginx/modules/ngx_http_modsecurity_module.so';

/** Why the comparison can not run, or null. */
export function wafMissing(crs: string): string | null {
  if (!existsSync(join(crs, 'rules'))) return `there is no Core Rule Set in ${crs}; --crs names its folder`;
  if (!existsSync(module))
    return 'ModSecurity for nginx is not installed; on Debian: apt-get install nginx libnginx-mod-http-modsecurity';
  return null;
}

/** Everything on as in the gate: bodies of requests and of JSON answers. */
export function writeModSecurity(folder: string, crs: string): string {
  const rules = join(folder, 'modsecurity.conf');
  const setup = existsSync(join(crs, 'crs-setup.conf')) ? 'crs-setup.conf' : 'crs-setup.conf.example';
  writeFileSync(
    rules,
    `SecRuleEngine On
SecRequestBodyAccess On
SecRequestBodyLimit 1048576
SecRequestBodyNoFilesLimit 1048576
SecResponseBodyAccess On
SecResponseBodyMimeType application/json text/plain text/html text/xml
SecResponseBodyLimit 1048576
SecAuditEngine Off
SecRule REQUEST_HEADERS:Content-Type "^application/json" "id:200001,phase:1,t:none,t:lowercase,pass,nolog,ctl:requestBodyProcessor=JSON"
Include ${join(crs, setup)}
Include ${join(crs, 'rules')}/*.conf
`,
  );
  const file = join(folder, 'modsecurity-nginx.conf');
  writeFileSync(
    file,
    `load_module ${module};
${nginxBase(folder, 'modsecurity')}
http {
${nginxTemporary(folder, 'modsecurity')}
  access_log off;
  keepalive_requests 100000000;
  upstream service { server 127.0.0.1:${ports.upstream}; keepalive 128; keepalive_requests 100000000; }
  server {
    listen 127.0.0.1:${ports.modsecurity} backlog=4096;
    modsecurity on;
    modsecurity_rules_file ${rules};
    location / { proxy_pass http://service; proxy_http_version 1.1; proxy_set_header Connection ""; }
  }
}
`,
  );
  return file;
}

/** The gate with inspection and no other guard. */
export function writeInspectingGate(folder: string, crs: string): string {
  const responses = {};
  const body = { content: { 'application/json': {} } };
  writeFileSync(
    join(folder, 'waf.json'),
    JSON.stringify({
      openapi: '3.1.0',
      info: { title: 'Bench', version: '1' },
      paths: {
        '/orders/{orderId}': {
          parameters: [{ name: 'orderId', in: 'path', required: true, schema: { type: 'string' } }],
          get: { operationId: 'get', responses },
        },
        '/orders': { post: { operationId: 'post', requestBody: body, responses } },
      },
    }),
  );
  const file = join(folder, 'waf.yaml');
  writeFileSync(
    file,
    `listeners: { public: { port: ${ports.gate}, host: 127.0.0.1 } }
upstreams: { service: { targets: [ http://127.0.0.1:${ports.upstream} ] } }
http: { max-requests: 1000000000 }
workers: 1
telemetry: { listen: { port: ${ports.telemetry} }, access-log: { to: { file: ./waf.log } } }
apis:
  bench:
    contract: ./waf.json
    upstream: service
    limits: []
    validate: false
    headers: { security: false, hsts: false, remove: [] }
    inspect: { rules: [ ${JSON.stringify(crs)} ], mode: block, paranoia: 1 }
    operations:
      get: { public: true, reason: benchmark }
      post: { public: true, reason: benchmark }
`,
  );
  return file;
}

/** A script for wrk: no two requests of a run have the same values, so that no memory of values helps. */
export function writeWafScript(folder: string, post: boolean): string {
  const file = join(folder, 'waf.lua');
  const [before, after] = orderBody.split(/n{6,}/) as [string, string];
  const length = orderBody.length - before.length - after.length;
  writeFileSync(
    file,
    `local n = math.random(1, 1000000)
local words = { "blue", "green", "canvas", "rope", "anchor", "lamp", "wood", "steel", "spare", "small", "large", "second" }
local function text(length)
  local parts, size = {}, 0
  while size < length do
    local word = words[math.random(#words)] .. math.random(1000, 9999)
    parts[#parts + 1] = word
    size = size + #word + 1
  end
  return string.sub(table.concat(parts, " "), 1, length)
end
function request()
  n = n + 1
  ${
    post
      ? `local body = [[${before}]] .. text(${length}) .. [[${after}]]
  body = string.gsub(body, "cus_%d+", string.format("cus_%05d", n % 100000))
  return wrk.format("POST", "/orders", { ["Content-Type"] = "application/json", ["Host"] = "api.example.com", ["User-Agent"] = "bench/1.0", ["Accept"] = "application/json" }, body)`
      : `local path = string.format("/orders/ord_%07d?expand=true&page=%d&note=%s", n, n % 97, string.gsub(text(24), " ", "+"))
  return wrk.format("GET", path, { ["Host"] = "api.example.com", ["User-Agent"] = "bench/1.0", ["Accept"] = "application/json" })`
  }
end
`,
  );
  return file;
}
