// Findings for code scanning (SARIF 2.1.0).
import type { LeakedSecret } from './contract.ts';

/** One result a finding; the fingerprint lets tools follow it from run to run. */
export function toSarif(findings: readonly LeakedSecret[], version: string): unknown {
  const rules = [...new Set(findings.map(({ kind }) => kind))].sort();
  return {
    $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
    version: '2.1.0',
    runs: [
      {
        tool: {
          driver: {
            name: 'gatewright secrets scan',
            version,
            rules: rules.map((id) => ({
              id,
              shortDescription: { text: `A credential: ${id}` },
              defaultConfiguration: { level: 'error' },
              properties: { tags: ['security'] },
            })),
          },
        },
        results: findings.map((finding) => ({
          ruleId: finding.kind,
          ruleIndex: rules.indexOf(finding.kind),
          level: 'error',
          message: { text: messageOf(finding) },
          partialFingerprints: { 'gatewrightSecret/v1': finding.fingerprint },
          locations: [
            {
              physicalLocation: {
                artifactLocation: { uri: encodeURI(finding.path) },
                region: { startLine: finding.line, startColumn: finding.column },
              },
            },
          ],
        })),
      },
    ],
  };
}

/** One finding in words. */
export function messageOf({ kind, name, shown, blob, live }: LeakedSecret): string {
  const of = name === null ? '' : ` of ${name}`;
  const where = blob === null ? '' : `, in the history (git log --all --find-object=${blob})`;
  const state = live === null ? '' : live ? ', still good' : ', not good any more';
  return `${kind}${of}: ${shown}${where}${state}`;
}
