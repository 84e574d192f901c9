// `detect:` as detection needs it: names checked, files read, times in numbers.
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { detectorIds } from '../detect/contract.ts';
import { parseSigma } from '../detect/index.ts';
import type { ChannelTarget, DetectConfig, RunbookStep } from '../detect/settings.ts';
import type { ConfigDocument } from './document.ts';
import { fail, failDangling, type ResolveContext } from './resolve.ts';
import { readAnchors } from './resolve-certificates.ts';
import type { Path } from './yaml-source.ts';

type DetectDocument = NonNullable<ConfigDocument['detect']>;
type ChannelDocument = DetectDocument['notify'][string];

export function resolveDetect(document: ConfigDocument, context: ResolveContext): DetectConfig | null {
  const entry = document.detect;
  if (entry === undefined) return null;
  if (document.state === undefined)
    fail(
      context,
      'config-missing-key',
      ['detect'],
      'Detection needs a state.',
      'Add "state: { sqlite: ./state.db }".',
    );
  const checkDetectors = (names: readonly string[], path: Path): void =>
    names.forEach((name, index) => {
      if (!name.startsWith('sigma:') && !detectorIds.includes(name as never))
        failDangling(context, [...path, index], 'detector', name, detectorIds);
    });
  checkDetectors(entry.off, ['detect', 'off']);
  return {
    settings: {
      falseAlarmsPerDay: entry['false-alarms'],
      learnMs: entry.learn,
      dormantMs: entry.dormant,
      maxEntities: entry['max-callers'],
      off: entry.off,
      ignoreConsumers: entry.ignore.consumers,
      ignoreAddresses: entry.ignore.addresses,
    },
    loginOperations: entry['login-operations'],
    privilegedOperations: entry['privileged-operations'],
    assets: entry.assets,
    channels: Object.entries(entry.notify).map(([name, channel]) => ({
      name,
      target: resolveTarget(name, channel, context),
      minPriority: channel['min-priority'],
      digestMs: channel.digest === false ? 0 : channel.digest,
      quiet:
        channel.quiet === undefined
          ? null
          : { ...channel.quiet, from: minutes(channel.quiet.from), to: minutes(channel.quiet.to) },
      escalateMs: channel['escalate-after'] === false ? 0 : channel['escalate-after'],
    })),
    runbooks: Object.entries(entry.runbooks).map(([name, runbook]) => {
      checkDetectors(runbook.when.detectors, ['detect', 'runbooks', name, 'when', 'detectors']);
      return {
        name,
        detectors: runbook.when.detectors,
        minPriority: runbook.when['min-priority'],
        maxP: runbook.when['max-p'],
        steps: runbook.do.map((step, index) =>
          resolveStep(step, ['detect', 'runbooks', name, 'do', index], context),
        ),
        isDryRun: runbook['dry-run'],
        mostAnHour: runbook['most-an-hour'],
      };
    }),
    sigma: entry.sigma.flatMap((name, index) => {
      const text = readText(name, ['detect', 'sigma', index], context);
      if (text === null) return [];
      try {
        parseSigma(text);
      } catch (error) {
        fail(
          context,
          'config-value',
          ['detect', 'sigma', index],
          `${name} can not be run: ${(error as Error).message}.`,
          'Mend the rule, or leave it out.',
        );
      }
      return [{ file: name, text }];
    }),
    keepMs: entry.keep,
  };
}

const minutes = (text: string): number => Number(text.slice(0, 2)) * 60 + Number(text.slice(3));

const anchors = (file: string, path: Path, context: ResolveContext): string =>
  file === '' ? '' : (readAnchors(file, '', path, context)?.pem ?? '');

function resolveTarget(name: string, channel: ChannelDocument, context: ResolveContext): ChannelTarget {
  const base: Path = ['detect', 'notify', name];
  const { smtp, slack, teams, pagerduty, opsgenie, webhook } = channel;
  const ca = (kind: string, file: string): string => anchors(file, [...base, kind, 'ca'], context);
  if (smtp !== undefined) return { kind: 'smtp', ...smtp, ca: ca('smtp', smtp.ca) };
  if (slack !== undefined) return { kind: 'slack', url: slack.url, ca: ca('slack', slack.ca) };
  if (teams !== undefined) return { kind: 'teams', url: teams.url, ca: ca('teams', teams.ca) };
  if (pagerduty !== undefined) return { kind: 'pagerduty', ...pagerduty, ca: ca('pagerduty', pagerduty.ca) };
  if (opsgenie !== undefined) return { kind: 'opsgenie', ...opsgenie, ca: ca('opsgenie', opsgenie.ca) };
  const { url, key } = webhook!;
  return { kind: 'webhook', url, keyId: webhook!['key-id'], key, ca: ca('webhook', webhook!.ca) };
}

function resolveStep(
  { ban, revoke, quarantine, webhook }: DetectDocument['runbooks'][string]['do'][number],
  path: Path,
  context: ResolveContext,
): RunbookStep {
  const none = { url: '', keyId: '', key: '', ca: '' };
  if (ban !== undefined) return { kind: 'ban-address', forMs: ban.for, most: ban.most, ...none };
  if (revoke !== undefined) return { kind: 'revoke-sessions', forMs: revoke.for, most: revoke.most, ...none };
  if (quarantine !== undefined)
    return { kind: 'quarantine', forMs: quarantine.for, most: quarantine.most, ...none };
  const { url, key } = webhook!;
  const ca = anchors(webhook!.ca, [...path, 'webhook', 'ca'], context);
  return { kind: 'webhook', forMs: 0, most: 1, url, keyId: webhook!['key-id'], key, ca };
}

function readText(name: string, path: Path, context: ResolveContext): string | null {
  const file = resolve(context.folder, name);
  try {
    const text = readFileSync(file, 'utf8');
    context.files.push(file);
    return text;
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'unknown';
    fail(context, 'config-file-unreadable', path, `${name} can not be read (${code}).`);
    return null;
  }
}
