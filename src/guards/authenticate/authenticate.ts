// Who is calling. The first configured method whose credential is present decides; a bad credential is refused and
// never replaced by another. HOT
import type { Clock } from '../../core/index.ts';
import type { ReplayTable, RevocationTable } from '../../credentials/index.ts';
import { type Decision, type Exchange, type Guard, noHooks, Refusal } from '../../exchange/index.ts';
import { compileAllOf } from './all-of.ts';
import { compileApiKey } from './api-key.ts';
import type { ApiKeyTable } from './api-key-table.ts';
import { compileBearer } from './bearer.ts';
import { CertificateMethod, type CertificateTable } from './certificates.ts';
import { type CompiledMethod, NOT_THERE } from './compiled-method.ts';
import type {
  AuthenticationMethod,
  IntrospectMethod,
  JwtMethod,
  MtlsMethod,
  SessionMethod,
} from './contract.ts';
import type { Issuer } from './issuer.ts';
import type { LoginReplica } from './login.ts';
import type { Possession } from './possession.ts';
import { compileSession } from './session.ts';
import { compileSignature, compileWebhook, type SignatureKeyTable } from './signature.ts';
import { compileStanding } from './standing-credentials.ts';

export interface AuthenticateContext {
  readonly issuers: ReadonlyMap<string, Issuer>;
  readonly keys: ApiKeyTable;
  readonly certificates: CertificateTable;
  /** Null where nothing can be withdrawn (tests). */
  readonly revocations: RevocationTable | null;
  readonly possession: Possession;
  readonly signatureKeys: SignatureKeyTable;
  readonly replays: ReplayTable;
  readonly logins: ReadonlyMap<string, LoginReplica>;
  readonly clock: Clock;
}

/**
 * Guard for `methods`; null for a public operation without any. Throws RangeError for an operation that is neither
 * public nor has a method, and for an unknown issuer.
 */
export function compileAuthenticate(
  methods: readonly AuthenticationMethod[],
  isPublic: boolean,
  context: AuthenticateContext,
): Guard | null {
  if (isPublic) return null;
  if (methods.length === 0)
    throw new RangeError('an operation needs a way to authenticate or must be public');
  const compiled = compileMethods(methods, context);
  const challenges = compiled.map(({ challenge }) => challenge).filter((scheme) => scheme !== '');
  const challenge = challenges.includes('Bearer') ? 'Bearer' : challenges[0];
  const missing = new Refusal(
    'credentials-missing',
    'authenticate',
    'no-credentials',
    '',
    challenge === undefined ? [] : ['www-authenticate', challenge],
  );
  const inviting = compiled.flatMap(({ invite }) => (invite === undefined ? [] : [invite]));
  const onRequest = (exchange: Exchange): Decision | Promise<Decision> => {
    for (let i = 0; i < compiled.length; i++) {
      const result = compiled[i]!.run(exchange);
      if (result !== NOT_THERE) return result;
    }
    for (let i = 0; i < inviting.length; i++) {
      const invitation = inviting[i]!(exchange);
      if (invitation !== null) return invitation;
    }
    return missing;
  };
  const stripped = [...new Set(compiled.flatMap(({ strips }) => strips))];
  const bodies = compiled.filter(({ runBody }) => runBody !== null).map(({ runBody }) => runBody!);
  return {
    ...noHooks,
    name: 'authenticate',
    onRequest:
      stripped.length === 0 ? onRequest : (exchange) => strip(onRequest(exchange), exchange, stripped),
    // Each knows whether it was the one that let the head pass.
    onBody: bodies.length === 0 ? null : (exchange, body) => runBodies(bodies, exchange, body),
  };
}

/** Takes credentials for the gate off the request, once no method has to look at them any more. */
function strip(
  decision: Decision | Promise<Decision>,
  exchange: Exchange,
  names: readonly string[],
): Decision | Promise<Decision> {
  if (decision instanceof Promise) return decision.then((late) => strip(late, exchange, names));
  for (let i = 0; i < names.length; i++) exchange.fields.remove(names[i]!);
  return decision;
}

function runBodies(
  bodies: readonly NonNullable<CompiledMethod['runBody']>[],
  exchange: Exchange,
  body: Uint8Array,
): Decision {
  for (let i = 0; i < bodies.length; i++) {
    const decision = bodies[i]!(exchange, body);
    if (decision !== null) return decision;
  }
  return null;
}

/** In their order; bearer tokens of several issuers are one method, at the place of the first. */
function compileMethods(
  methods: readonly AuthenticationMethod[],
  context: AuthenticateContext,
): CompiledMethod[] {
  const tokens = methods.filter(
    (method): method is JwtMethod | IntrospectMethod => method.kind === 'jwt' || method.kind === 'introspect',
  );
  const { revocations } = context;
  const out: CompiledMethod[] = [];
  for (const method of methods) {
    if (method.kind === 'api-key') out.push(compileApiKey(method, context.keys, context.clock));
    else if (method.kind === 'mtls') out.push(compileStanding(compileMtls(method, context), revocations));
    else if (method.kind === 'all-of') out.push(compileAllOf(compileMethods(method.methods, context)));
    else if (method.kind === 'session') out.push(compileSessionOf(method, context));
    else if (method.kind === 'signature') {
      const signature = compileSignature(method, context.signatureKeys, context.replays, context.clock);
      out.push(compileStanding(signature, revocations));
    } else if (method.kind === 'webhook')
      out.push(compileStanding(compileWebhook(method, context.replays, context.clock), revocations));
    else if (method === tokens[0]) out.push(compileBearer(tokens, context));
  }
  return out;
}

/** The connection's certificate: TLS has no challenge of HTTP's kind. */
function compileMtls(
  method: MtlsMethod,
  { certificates, clock, revocations }: AuthenticateContext,
): CompiledMethod {
  const verdicts = new CertificateMethod(method, certificates, clock, revocations);
  return {
    challenge: '',
    run: (exchange) => {
      const certificate = exchange.clientCertificate;
      return certificate === null ? NOT_THERE : verdicts.run(exchange, certificate);
    },
    runBody: null,
    strips: [],
  };
}

function compileSessionOf(
  method: SessionMethod,
  { logins, revocations, clock }: AuthenticateContext,
): CompiledMethod {
  const login = logins.get(method.login);
  if (login === undefined) throw new RangeError(`unknown login ${method.login}`);
  return compileSession(login, revocations, clock);
}
