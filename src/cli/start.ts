// `gatewright start`: runs until a signal. SIGTERM and SIGINT drain, SIGHUP reloads and reopens log files.
import { ConfigError, startGate } from '../app/index.ts';
import { stderrLog } from '../telemetry/index.ts';
import { CommandError, Exit, printDiagnostics } from './output.ts';

/** Time to say why before the process is ended, ms. */
const LEFTOVERS_MS = 2000;

export async function runStart(options: Readonly<Record<string, unknown>>): Promise<number> {
  const log = stderrLog(process.stderr.isTTY === true && options['json'] !== true);
  const workers = options['workers'] as number | undefined;
  let gate: Awaited<ReturnType<typeof startGate>> | undefined;
  // Before anything is said: who reads "listening" may send a signal at once.
  process.on('SIGHUP', () => {
    gate?.reopenLogs();
    void gate?.reload();
  });
  const ended = new Promise<void>((resolve) => {
    const stop = (signal: NodeJS.Signals): void => {
      log.write('info', 'draining', { signal });
      resolve();
    };
    process.once('SIGTERM', stop);
    process.once('SIGINT', stop);
  });
  try {
    gate = await startGate({
      file: options['config'] as string,
      log,
      watch: options['watch'] !== false,
      ...(workers === undefined ? {} : { workers }),
    });
  } catch (error) {
    if (error instanceof ConfigError)
      throw new CommandError(
        'the configuration has errors, nothing was started',
        Exit.configuration,
        error.diagnostics,
      );
    // Whatever half a start has left behind must not keep the process: who supervises it waits for its end.
    setTimeout(() => process.exit(Exit.failed), LEFTOVERS_MS).unref();
    throw new CommandError(`the gate could not start: ${(error as Error).message}`);
  }
  printDiagnostics(gate.warnings);
  for (const listener of gate.listeners) {
    log.write('info', 'listening', {
      listener: listener.name,
      url: `${listener.tls ? 'https' : 'http'}://${listener.host}:${listener.port}`,
    });
  }
  if (gate.telemetry !== null)
    log.write('info', 'telemetry', { url: `http://${gate.telemetry.host}:${gate.telemetry.port}/metrics` });
  if (gate.console !== null) {
    log.write('info', 'console', { url: gate.console.url });
    // A secret goes to a person at a terminal, never into a log that is kept.
    const link = process.stderr.isTTY === true ? await gate.console.firstLink() : null;
    if (link !== null)
      process.stderr.write(
        `\nNobody administers this gate yet. Open this once, within an hour:\n\n  ${link}\n\n`,
      );
  }
  await ended;
  await gate.close();
  return Exit.ok;
}
