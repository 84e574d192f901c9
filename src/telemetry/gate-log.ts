// The gate's own log, on standard error: start, reload, threads that died, health of upstreams. Lines for people on
// a terminal, JSON elsewhere.

export type LogLevel = 'info' | 'warning' | 'error';

export interface GateLog {
  write(level: LogLevel, event: string, details?: Readonly<Record<string, string | number | boolean>>): void;
}

export function stderrLog(isTerminal = process.stderr.isTTY === true): GateLog {
  return {
    write(level, event, details = {}) {
      const time = new Date().toISOString();
      if (!isTerminal) {
        process.stderr.write(`${JSON.stringify({ time, level, event, ...details })}\n`);
        return;
      }
      const rest = Object.entries(details).map(([name, value]) => `${name}=${String(value)}`);
      process.stderr.write(`${time.slice(11, 19)} ${level} ${event} ${rest.join(' ')}\n`);
    },
  };
}

export const silentLog: GateLog = { write: () => {} };
