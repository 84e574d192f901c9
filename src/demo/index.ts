// The demo: a sample API, a gate in front of it with all guards on, and lines to try.
import { createServer } from 'node:net';
import { startGate } from '../app/index.ts';
import { silentLog } from '../telemetry/index.ts';
import { buildConsole } from './build-console.ts';
import { startSampleApi } from './sample-api.ts';
import { type DemoCredentials, RESOURCE, SERVICE, setUpDemo, WEB_APP, WEB_SCOPES } from './setup.ts';
import { startTraffic } from './traffic.ts';
import { startWebApp } from './web-app.ts';

export interface DemoOptions {
  /** Wanted port; another is taken when it is in use. */
  readonly port: number;
  readonly traffic: boolean;
  readonly json: boolean;
  readonly print: (line: string) => void;
}

export interface RunningDemo {
  readonly port: number;
  readonly tlsPort: number;
  readonly telemetryPort: number;
  /** For services, by client certificate. */
  readonly internalPort: number;
  /** Application that people sign in to. */
  readonly app: string;
  /** One-time link to the console. */
  readonly consoleLink: string;
  /** Everything it wrote; certificates are in `tls`. */
  readonly folder: string;
  readonly credentials: DemoCredentials;
  close(): Promise<void>;
}

/** Starts everything and prints what to try. */
export async function runDemo(options: DemoOptions): Promise<RunningDemo> {
  const sample = await startSampleApi();
  // TLS goes where HTTPS usually does beside the wanted port: 8080 and 8443.
  const isAny = options.port === 0;
  const port = await freePort(options.port);
  const tlsPort = await freePort(isAny ? 0 : 8443);
  const internalPort = await freePort(isAny ? 0 : 9443);
  const telemetryPort = await freePort(isAny ? 0 : 9090);
  const consolePort = await freePort(isAny ? 0 : 9444);
  const appPort = await freePort(isAny ? 0 : 8090);
  await buildConsole(options.print, options.json);
  const setup = await setUpDemo({
    apiPort: sample.port,
    port,
    tlsPort,
    internalPort,
    telemetryPort,
    consolePort,
    appPort,
  });
  const gate = await startGate({ file: setup.file, log: silentLog, watch: true }).catch(
    async (error: unknown) => {
      await sample.close();
      await setup.remove();
      throw error;
    },
  );
  const app = await startWebApp({
    port: appPort,
    issuer: `http://localhost:${port}/login`,
    clientId: WEB_APP,
    resource: RESOURCE,
    api: `http://127.0.0.1:${port}`,
    scopes: WEB_SCOPES,
  });
  const { credentials } = setup;
  const consoleLink = (await gate.console?.firstLink()) ?? '';
  if (options.json) {
    options.print(
      JSON.stringify({
        gate: `http://127.0.0.1:${port}`,
        secure: `https://localhost:${tlsPort}`,
        services: `https://localhost:${internalPort}`,
        telemetry: `http://127.0.0.1:${telemetryPort}`,
        console: consoleLink,
        app: `http://localhost:${appPort}`,
        folder: setup.folder,
        credentials,
      }),
    );
  } else {
    if (!isAny && port !== options.port) options.print(`Port ${options.port} is taken, using ${port}.`);
    options.print(
      introduction(
        { port, tlsPort, internalPort, telemetryPort, appPort, apiPort: sample.port, consoleLink },
        setup.folder,
        credentials,
      ),
    );
  }
  const traffic = options.traffic ? startTraffic(port, credentials, options.print) : null;
  return {
    port,
    tlsPort,
    telemetryPort,
    internalPort,
    app: `http://localhost:${appPort}`,
    consoleLink,
    folder: setup.folder,
    credentials,
    close: async () => {
      traffic?.stop();
      await app.close();
      await gate.close();
      await sample.close();
      await setup.remove();
    },
  };
}

/** `wanted` when it is free, else any port. */
function freePort(wanted: number): Promise<number> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(wanted === 0 ? 0 : freePort(0)));
    probe.listen(wanted, '127.0.0.1', () => {
      const address = probe.address();
      const port = typeof address === 'object' && address !== null ? address.port : wanted;
      probe.close(() => resolve(port));
    });
  });
}

function introduction(
  ports: {
    readonly port: number;
    readonly tlsPort: number;
    readonly internalPort: number;
    readonly telemetryPort: number;
    readonly appPort: number;
    readonly apiPort: number;
    readonly consoleLink: string;
  },
  folder: string,
  { ingrid, admin, expired, partnerKey, oneTimePassword }: DemoCredentials,
): string {
  const { port, tlsPort, internalPort, telemetryPort, appPort, apiPort, consoleLink } = ports;
  const url = `http://127.0.0.1:${port}`;
  const services = `https://localhost:${internalPort}`;
  const payment = `'{"from":"acc_100001","to":"NO9386011117947","money":{"amount":"12.50","currency":"EUR"},"reference":"coffee"}'`;
  const large = payment.replace('12.50', '1200.00');
  const foreign = payment.replace('acc_100001', 'acc_200001');
  const discount = `'{"sku":"SAI-1042","quantity":1,"discount":90}'`;
  const injection = `'{"sku":"SAI-1042","quantity":1,"note":"x\\u0027 OR \\u00271\\u0027=\\u00271"}'`;
  const sly = `'{"sku":"SAI-1042","quantity":1,"price":"0.01"}'`;
  return `Gatewright demo: Fjordbank, a small bank, behind a gate with all guards on.

  the console      ${consoleLink}
                   (good once: it sets your password; --traffic gives you something to see)
  sign in          http://localhost:${appPort}  as ingrid, password ${oneTimePassword}
                   (good once: you choose your own; then allow the application to see your accounts)
  the gate         ${url}
  by TLS           https://localhost:${tlsPort}
  for services     ${services}  (mutual TLS)
  metrics, health  http://127.0.0.1:${telemetryPort}/metrics  /health/ready
  sample API       http://127.0.0.1:${apiPort}  (what the gate protects: try it directly, too)
  configuration    ${folder}/gatewright.yaml  (change it: it reloads by itself)
  access log       ${folder}/access.log
  audit trail      ${folder}/audit

Credentials, valid for eight hours (paste these first)

  INGRID='${ingrid}'
  ADMIN='${admin}'
  EXPIRED='${expired}'
  PARTNER='${partnerKey}'
  TLS='${folder}/tls'

Allowed
  curl -i ${url}/accounts -H "Authorization: Bearer $INGRID"
  curl -i '${url}/accounts/acc_100001/transactions?limit=3' -H "Authorization: Bearer $INGRID"
  curl -i '${url}/orders?status=open' -H "X-API-Key: $PARTNER"
  curl -i ${url}/accounts/acc_200001 -H "Authorization: Bearer $ADMIN"
  curl -i ${url}/accounts/acc_200001/freeze -X POST -H "Authorization: Bearer $ADMIN"
  curl -i ${url}/payments -H "Authorization: Bearer $INGRID" -H 'Content-Type: application/json' \\
       -d ${payment}
  curl -i --cacert $TLS/ca.pem https://localhost:${tlsPort}/accounts -H "Authorization: Bearer $INGRID"
  curl -i --cacert $TLS/ca.pem --cert $TLS/settlement.pem --key $TLS/settlement.key ${services}/ledger

A service with an identity of its own: a certificate for an hour, from the gate's own authority
  node bin/gatewright.js services issue ${SERVICE} --config ${folder}/gatewright.yaml --out ${folder}/${SERVICE}
  curl -i --cacert $TLS/ca.pem --cert ${folder}/${SERVICE}/svid.pem --key ${folder}/${SERVICE}/svid.key ${services}/ledger
  (without a command: SPIFFE libraries at unix://${folder}/${SERVICE}.sock)

Refused
  401 no credentials       curl -i ${url}/accounts
  401 expired token        curl -i ${url}/accounts -H "Authorization: Bearer $EXPIRED"
  401 tampered token       curl -i ${url}/accounts -H "Authorization: Bearer \${INGRID%?????}AAAAA"
  403 missing scope        curl -i ${url}/accounts/acc_100001/freeze -X POST -H "Authorization: Bearer $INGRID"
  403 key without scope    curl -i ${url}/accounts -H "X-API-Key: $PARTNER"
  no certificate           curl -i --cacert $TLS/ca.pem ${services}/ledger
  404 for services only    curl -i ${url}/ledger -H "Authorization: Bearer $ADMIN"
  403 account of another   curl -i ${url}/accounts/acc_200001 -H "Authorization: Bearer $INGRID"
  403 paying from it       curl -i ${url}/payments -H "Authorization: Bearer $INGRID" -H 'Content-Type: application/json' \\
                                -d ${foreign}
  401 needs two factors    curl -i ${url}/payments -H "Authorization: Bearer $INGRID" -H 'Content-Type: application/json' \\
                                -d ${large}
  403 field of the sales   curl -i ${url}/orders -H "Authorization: Bearer $INGRID" -H 'Content-Type: application/json' \\
                                -d ${discount}
  400 a second method      curl -i ${url}/accounts/acc_100001 -H "Authorization: Bearer $INGRID" -H 'X-HTTP-Method-Override: DELETE'
  404 not in the contract  curl -i ${url}/internal/debug -H "Authorization: Bearer $INGRID"
  405 wrong method         curl -i ${url}/accounts -X DELETE -H "Authorization: Bearer $INGRID"
  400 bad parameter        curl -i '${url}/accounts?limit=1000' -H "Authorization: Bearer $INGRID"
  400 field it may not set curl -i ${url}/orders -H "Authorization: Bearer $INGRID" \\
                                -H 'Content-Type: application/json' -d ${sly}
  403 SQL injection        curl -i ${url}/orders -H "Authorization: Bearer $INGRID" \\
                                -H 'Content-Type: application/json' -d ${injection}
  415 not JSON             curl -i ${url}/orders -H "Authorization: Bearer $INGRID" -H 'Content-Type: text/xml' -d '<a/>'
  400 path traversal       curl -i --path-as-is ${url}/accounts/..%2finternal/debug
  400 smuggling            curl -i ${url}/orders -H 'Transfer-Encoding: chunked' -H 'Content-Length: 3' -d abc
  429 too many             for i in $(seq 15); do curl -so /dev/null -w '%{http_code} ' ${url}/payments -H "Authorization: Bearer $INGRID" \\
                                -H 'Content-Type: application/json' -d ${payment}; done

Proof: who was refused, who did what, and that nobody has changed it
  npx gatewright audit search -c ${folder}/gatewright.yaml
  npx gatewright audit verify -c ${folder}/gatewright.yaml    (change a byte in ${folder}/audit/tile and try again)

Ctrl-C ends it. "npm start -- --traffic" adds good clients and attackers.
`;
}
