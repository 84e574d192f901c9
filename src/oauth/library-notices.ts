// oidc-provider writes hints for its developers to the console when it is loaded and set up. The gate's standard output is
// its access log, where they would be lines that nobody can read: they are left out, and nothing else is.
const prefix = /^(?:\u001b\[[0-9;]*m)?oidc-provider (?:NOTICE|WARNING): /;

let isInstalled = false;

/** From now on the console leaves them out, whoever calls it. Called before the library is loaded. */
export function leaveOutLibraryNotices(): void {
  if (isInstalled) return;
  isInstalled = true;
  for (const level of ['info', 'warn'] as const) {
    const write = console[level].bind(console);
    console[level] = (...parts: unknown[]) => {
      if (typeof parts[0] !== 'string' || !prefix.test(parts[0])) write(...parts);
    };
  }
}
