// `gatewright demo`: the sample API behind the gate.
import { runDemo } from '../demo/index.ts';
import { Exit, print } from './output.ts';

export async function runDemoCommand(options: Readonly<Record<string, unknown>>): Promise<number> {
  const demo = await runDemo({
    port: options['port'] as number,
    traffic: options['traffic'] === true,
    json: options['json'] === true,
    print,
  });
  await new Promise<void>((resolve) => {
    process.once('SIGTERM', () => resolve());
    process.once('SIGINT', () => resolve());
  });
  await demo.close();
  return Exit.ok;
}
