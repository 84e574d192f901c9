// Detection in words: what it may cost, whom it tells, what it does by itself.
import type { ChannelConfig, DetectConfig, RunbookConfig, RunbookStep } from '../detect/settings.ts';
import { spanText } from './period-text.ts';

/** One line each; empty where nothing is detected. */
export function describeDetection(detect: DetectConfig | null): string[] {
  if (detect === null) return [];
  const { settings, channels, runbooks, sigma } = detect;
  const off = settings.off.length === 0 ? '' : `, without ${settings.off.join(', ')}`;
  return [
    `at most ${settings.falseAlarmsPerDay} false alarms a day are meant to be raised${off}; ${sigma.length} files of Sigma rules`,
    ...(channels.length === 0
      ? ['nobody is told: incidents wait for "gatewright incidents list"']
      : channels.map(channelText)),
    ...(runbooks.length === 0 ? ['nothing is done without people'] : runbooks.map(runbookText)),
  ];
}

function channelText({ name, target, minPriority, digestMs, quiet, escalateMs }: ChannelConfig): string {
  const parts = [`${name} is told by ${target.kind} from ${minPriority} on`];
  if (digestMs > 0) parts.push(`together every ${spanText(digestMs)}`);
  if (quiet !== null) parts.push(`not at night unless ${quiet.except}`);
  if (escalateMs > 0) parts.push(`when nobody has answered for ${spanText(escalateMs)}`);
  return parts.join(', ');
}

function runbookText({ name, detectors, minPriority, steps, isDryRun, mostAnHour }: RunbookConfig): string {
  const what = detectors.length === 0 ? 'anything' : detectors.join(', ');
  const does = steps.map(stepText).join(', then ');
  return `${name}${isDryRun ? ' would, for' : ', for'} ${what} from ${minPriority} on, ${does}; at most ${mostAnHour} an hour`;
}

function stepText({ kind, forMs, most, url }: RunbookStep): string {
  if (kind === 'webhook') return `post to ${new URL(url).host}`;
  const what =
    kind === 'ban-address'
      ? `ban up to ${most} addresses`
      : kind === 'quarantine'
        ? `refuse up to ${most} callers`
        : `withdraw what up to ${most} callers hold`;
  return `${what} for ${spanText(forMs)}`;
}
