// `gatewright check`: the configuration's problems, or for every operation who may call it and under which limits.

import { loadConfig } from '../app/load-config.ts';
import {
  describeDetection,
  describeListeners,
  describeOperations,
  describeOutlets,
  type ListenerView,
  type OperationView,
  reviewPosture,
} from '../config/describe.ts';
import { CommandError, Exit, print, printDiagnostics, printJson } from './output.ts';
import { readStoredCertificates, storedText } from './stored-certificates.ts';

export async function runCheck(options: Readonly<Record<string, unknown>>): Promise<number> {
  const { config, diagnostics } = await loadConfig(options['config'] as string, process.env);
  if (config === null) {
    const errors = diagnostics.filter((entry) => entry.severity === 'error').length;
    throw new CommandError(
      `${errors} ${errors === 1 ? 'error' : 'errors'} in the configuration`,
      Exit.configuration,
      diagnostics,
    );
  }
  const operations = describeOperations(config);
  const listeners = describeListeners(config);
  const stored = await readStoredCertificates(config, Date.now());
  const posture = reviewPosture(config);
  const outlets = describeOutlets(config);
  const detection = describeDetection(config.detect);
  if (options['json'] === true) {
    printJson({ ok: true, listeners, stored, operations, outlets, detection, posture, diagnostics });
    return Exit.ok;
  }
  printDiagnostics(diagnostics);
  for (const listener of listeners) printListener(listener);
  for (const certificate of stored) print(`          stored      ${storedText(certificate)}`);
  print('');
  for (const api of config.apis) {
    print(
      `${api.name}  ${api.hosts.join(', ') || 'any host'}  on ${api.listeners.join(', ')}  to ${api.upstream}`,
    );
    const own = operations.filter((entry) => entry.api === api.name);
    const [first] = own;
    if (first !== undefined && first.admits.length > 0) print(`  admits    ${first.admits.join('; ')}`);
    for (const operation of own) printOperation(operation);
    print('');
  }
  for (const { name, to, how } of outlets) print(`${name}  ${to}; ${how.join('; ')}`);
  for (const line of detection) print(`detection  ${line}`);
  print('');
  if (posture.length > 0) {
    print('Worth a second look:');
    for (const { message } of posture) print(`  - ${message}`);
    print('');
  }
  print(`${operations.length} operations, no errors.`);
  return Exit.ok;
}

function printListener(view: ListenerView): void {
  print(`${view.name}  ${view.address}  ${view.exposure}  ${view.serves}`);
  for (const certificate of view.certificates) print(`          certificate ${certificate}`);
  if (view.clients !== '') print(`          clients     ${view.clients}`);
}

function printOperation(view: OperationView): void {
  const exposure = view.exposure === 'public' ? '' : `  ${view.exposure}, on ${view.listeners.join(', ')}`;
  print(`  ${view.method.padEnd(7)} ${view.path}  (${view.operation})${exposure}`);
  print(`          callers   ${view.callers.join('; ')}`);
  if (view.scopes.length > 0) print(`          scopes    ${view.scopes.join(', or ')}`);
  if (view.rules.length > 0) print(`          rules     ${view.rules.join('; ')}`);
  print(`          limits    ${view.limits.join('; ') || 'none'}`);
  if (view.grpcMessageBytes > 0) {
    print(`          gRPC      messages up to ${view.grpcMessageBytes} bytes`);
    return;
  }
  const inspected = view.validated ? 'against the contract' : 'not at all';
  const body = view.maxBodyBytes > 0 ? `, body up to ${view.maxBodyBytes} bytes` : '';
  print(`          validated ${inspected}${body}${view.websocket ? ', WebSocket may pass' : ''}`);
  if (view.inspected !== '') print(`          inspected by ${view.inspected}`);
}
