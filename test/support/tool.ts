// Programs of the machine that tests are held against: openssl, curl, pebble. Run without blocking, because the servers
// they talk to live in the test's own process.
import { spawn, spawnSync } from 'node:child_process';

export const hasCommand = (name: string): boolean =>
  spawnSync('sh', ['-c', `command -v ${name}`], { stdio: 'ignore' }).status === 0;

export interface ToolResult {
  readonly code: number | null;
  /** Both outputs. */
  readonly all: string;
  readonly out: string;
}

/** Runs a program to its end. */
export function runTool(name: string, args: readonly string[], input = ''): Promise<ToolResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(name, args, { stdio: ['pipe', 'pipe', 'pipe'] });
    let [out, all] = ['', ''];
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      out += text;
      all += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      all += text;
    });
    child.stdin.on('error', () => {});
    child.stdin.end(input);
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, out, all }));
  });
}
