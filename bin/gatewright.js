#!/usr/bin/env node
// Starts the command line under a Node that can run it. This file alone must run on old versions of Node: plain
// JavaScript, nothing newer than Node 18.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const NEEDED = 26;
const root = join(dirname(fileURLToPath(import.meta.url)), '..');

/** The `node` package brings a Node of its own; it is looked for beside Gatewright, then in the project. */
function findNode() {
  for (const from of [join(root, 'package.json'), join(process.cwd(), 'package.json')]) {
    try {
      const manifest = createRequire(from).resolve('node/package.json');
      const binary = join(dirname(manifest), 'bin', process.platform === 'win32' ? 'node.exe' : 'node');
      if (existsSync(binary)) return binary;
    } catch {
      // Not there: look further.
    }
  }
  return null;
}

if (Number(process.versions.node.split('.')[0]) >= NEEDED) {
  const { enableCompileCache } = await import('node:module');
  enableCompileCache?.();
  const built = join(root, 'dist', 'cli', 'main.js');
  const source = join(root, 'src', 'cli', 'main.ts');
  const entry = existsSync(source) ? source : built;
  const { main } = await import(pathToFileURL(entry).href);
  await main(process.argv.slice(2));
} else {
  const node = process.env.GATEWRIGHT_REEXECUTED === '1' ? null : findNode();
  if (node === null) {
    process.stderr.write(
      `gatewright needs Node ${NEEDED} or later; this is ${process.versions.node}.\n` +
        `Install it beside your project with "npm install --save-dev node@${NEEDED}", or run a newer Node.\n`,
    );
    process.exit(1);
  }
  const child = spawn(node, [fileURLToPath(import.meta.url), ...process.argv.slice(2)], {
    stdio: 'inherit',
    env: { ...process.env, GATEWRIGHT_REEXECUTED: '1' },
  });
  for (const signal of ['SIGTERM', 'SIGHUP', 'SIGUSR2']) process.on(signal, () => child.kill(signal));
  // A terminal sends Ctrl-C to both; passed on as well, it would end the drain that the first one began.
  process.on('SIGINT', () => {
    if (!process.stdin.isTTY) child.kill('SIGINT');
  });
  child.on('error', (error) => {
    process.stderr.write(`gatewright: ${error.message}\n`);
    process.exit(1);
  });
  child.on('exit', (code, signal) => {
    if (signal !== null) {
      process.removeAllListeners(signal);
      process.kill(process.pid, signal);
    } else process.exit(code ?? 1);
  });
}
