// A certificate authority of the openssl command line, for one test file: issues, revokes, writes lists, answers OCSP.
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { until } from './until.ts';

export const hasOpenssl = spawnSync('openssl', ['version']).status === 0;
/** Options of tests that need the command line. */
export const needsOpenssl = { skip: hasOpenssl ? false : 'openssl is not installed' };

export interface Issued {
  readonly certificate: string;
  readonly key: string;
  /** Certificate with the issuer's behind it. */
  readonly chain: string;
  readonly certificateFile: string;
  readonly keyFile: string;
}

export interface IssueOptions {
  readonly name: string;
  /** As openssl writes them: `DNS:a.example,URI:spiffe://…`. */
  readonly san?: string;
  readonly usage?: 'serverAuth' | 'clientAuth' | 'OCSPSigning';
  readonly keyUsage?: string;
  /** Subject; /CN=<name> by default. */
  readonly subject?: string;
  /** Days from now; negative for a certificate that has ended. */
  readonly days?: number;
  readonly ocsp?: string;
  readonly mustStaple?: boolean;
  readonly isAuthority?: boolean;
  /** 'rsa' for RSA of 2048 bits; P-256 by default. */
  readonly keyKind?: 'rsa';
}

const timeText = (ms: number): string =>
  new Date(ms).toISOString().replace(/[-:T]/g, '').slice(0, 14).concat('Z');

const DAY_MS = 86_400_000;

function openssl(args: readonly string[]): string {
  return execFileSync('openssl', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

const newKey = (kind: 'rsa' | undefined): string[] =>
  kind === 'rsa' ? ['-newkey', 'rsa:2048'] : ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256'];

export class Authority {
  readonly folder: string;
  readonly name: string;
  readonly certificate: string;
  readonly certificateFile: string;
  readonly keyFile: string;
  #count = 0;

  /** A root of its own, or below `parent`. */
  constructor(name: string, parent?: Authority) {
    this.name = name;
    this.folder = mkdtempSync(join(tmpdir(), 'gatewright-ca-'));
    this.certificateFile = join(this.folder, 'ca.pem');
    this.keyFile = join(this.folder, 'ca.key');
    if (parent === undefined) {
      openssl([
        ...['req', '-x509', ...newKey(undefined), '-nodes', '-days', '30', '-subj', `/CN=${name}`],
        ...['-addext', 'keyUsage=critical,keyCertSign,cRLSign,digitalSignature'],
        ...['-keyout', this.keyFile, '-out', this.certificateFile],
      ]);
    } else {
      const own = parent.issue({ name, isAuthority: true });
      writeFileSync(this.certificateFile, own.certificate);
      writeFileSync(this.keyFile, own.key);
    }
    this.certificate = readFileSync(this.certificateFile, 'utf8');
    for (const file of ['index.txt', 'index.txt.attr']) writeFileSync(join(this.folder, file), '');
    writeFileSync(join(this.folder, 'serial'), '1001\n');
    writeFileSync(join(this.folder, 'crlnumber'), '01\n');
    writeFileSync(
      join(this.folder, 'ca.cnf'),
      `[ca]
default_ca = this
[this]
database = ${this.folder}/index.txt
new_certs_dir = ${this.folder}
certificate = ${this.certificateFile}
private_key = ${this.keyFile}
serial = ${this.folder}/serial
crlnumber = ${this.folder}/crlnumber
default_md = sha256
policy = any
unique_subject = no
copy_extensions = none
[any]
countryName = optional
organizationName = optional
organizationalUnitName = optional
commonName = optional
`,
    );
  }

  issue(options: IssueOptions): Issued {
    const at = join(this.folder, `leaf-${++this.#count}`);
    const extensions = [
      `basicConstraints=critical,CA:${options.isAuthority === true ? 'TRUE' : 'FALSE'}`,
      options.isAuthority === true
        ? 'keyUsage=critical,keyCertSign,cRLSign,digitalSignature'
        : `keyUsage=critical,${options.keyUsage ?? 'digitalSignature'}`,
      'subjectKeyIdentifier=hash',
      'authorityKeyIdentifier=keyid',
      ...(options.san === undefined ? [] : [`subjectAltName=${options.san}`]),
      ...(options.usage === undefined ? [] : [`extendedKeyUsage=${options.usage}`]),
      ...(options.ocsp === undefined ? [] : [`authorityInfoAccess=OCSP;URI:${options.ocsp}`]),
      ...(options.mustStaple === true ? ['tlsfeature=status_request'] : []),
    ];
    writeFileSync(`${at}.ext`, `[e]\n${extensions.join('\n')}\n`);
    openssl([
      ...['req', '-new', ...newKey(options.keyKind), '-nodes', '-keyout', `${at}.key`, '-out', `${at}.csr`],
      ...['-subj', options.subject ?? `/CN=${options.name}`],
    ]);
    const days = options.days ?? 2;
    const nowMs = Date.now();
    const startMs = days < 0 ? nowMs + 2 * days * DAY_MS : nowMs - 60_000;
    openssl([
      ...['ca', '-batch', '-notext', '-config', join(this.folder, 'ca.cnf'), '-extfile', `${at}.ext`],
      ...['-extensions', 'e', '-in', `${at}.csr`, '-out', `${at}.pem`],
      ...['-startdate', timeText(startMs), '-enddate', timeText(nowMs + days * DAY_MS)],
    ]);
    const certificate = readFileSync(`${at}.pem`, 'utf8');
    return {
      certificate,
      key: readFileSync(`${at}.key`, 'utf8'),
      chain: certificate + this.certificate,
      certificateFile: `${at}.pem`,
      keyFile: `${at}.key`,
    };
  }

  revoke(issued: Issued): void {
    openssl(['ca', '-config', join(this.folder, 'ca.cnf'), '-revoke', issued.certificateFile]);
  }

  /** Revocation list in PEM. */
  revocationList(hours = 24): string {
    const file = join(this.folder, 'crl.pem');
    openssl([
      'ca',
      '-config',
      join(this.folder, 'ca.cnf'),
      '-gencrl',
      '-crlhours',
      String(hours),
      '-out',
      file,
    ]);
    return readFileSync(file, 'utf8');
  }

  /** Starts `openssl ocsp` as responder; `signer` answers in the authority's place. Resolves when it answers. */
  async startResponder(
    t: TestContext,
    port: number,
    signer?: Issued,
    minutes = 60,
  ): Promise<{ stop(): Promise<void> }> {
    const child = spawn(
      'openssl',
      [
        ...[
          'ocsp',
          '-port',
          String(port),
          '-index',
          join(this.folder, 'index.txt'),
          '-CA',
          this.certificateFile,
        ],
        ...['-rsigner', signer?.certificateFile ?? this.certificateFile],
        ...['-rkey', signer?.keyFile ?? this.keyFile, '-nmin', String(minutes)],
      ],
      { stdio: 'ignore' },
    );
    let ended = false;
    child.on('close', () => {
      ended = true;
    });
    const stop = async (): Promise<void> => {
      child.kill('SIGKILL');
      await until(() => ended, 'the end of the responder');
    };
    t.after(stop);
    // A connection without a request would end the responder: it is asked something.
    const question = ['-issuer', this.certificateFile, '-serial', '1', '-url', `http://127.0.0.1:${port}`];
    await until(
      () => spawnSync('openssl', ['ocsp', ...question, '-noverify'], { stdio: 'ignore' }).status === 0,
      'the OCSP responder',
    );
    return { stop };
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Below the range that systems take for outgoing connections, which would come in between. */
const [FIRST_PORT, LAST_PORT] = [20_000, 32_000];

/** A port that is free now, and that no connection is given by chance. */
export function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const port = FIRST_PORT + Math.floor(Math.random() * (LAST_PORT - FIRST_PORT));
    const probe = createServer();
    probe.once('error', () => resolve(freePort()));
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(port)));
  });
}
