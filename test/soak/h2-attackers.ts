// A process of attackers, so that what they cost is not the gate's: each of its connections sends one attack after the
// other until the gate ends it, and prints what happened as JSON when its time is over. Arguments: port, seconds,
// connections, and the index of the only attack to send, -1 for all.
import { attacks } from '../support/h2-attacks.ts';
import { FrameClient } from '../support/h2-frames.ts';

const [port, seconds, connections, only] = process.argv.slice(2).map(Number) as [
  number,
  number,
  number,
  number,
];
const endMs = performance.now() + seconds * 1000;
/** How long an attacker rests after each attack: the machine that both share has work to do besides. */
const REST_MS = 50;
const counts: Record<string, number> = {};
const wrong: string[] = [];
let pieces = 0;

async function attack(first: number): Promise<void> {
  for (let i = first; performance.now() < endMs; i++) {
    const { name, code, run } = attacks[only < 0 ? i % attacks.length : only]!;
    try {
      const client = await FrameClient.connect(port);
      pieces += await run(client);
      const ended = await client.end();
      client.socket.destroy();
      counts[name] = (counts[name] ?? 0) + 1;
      // A connection that is reset while the attacker still sends may lose the gate's last words.
      if (ended !== code && ended !== -1) wrong.push(`${name}: ${ended}`);
    } catch (error) {
      wrong.push(`${name}: ${(error as Error).message}`);
    }
    await new Promise((resolve) => setTimeout(resolve, REST_MS));
  }
}

await Promise.all(Array.from({ length: connections }, (_, i) => attack(i * 5)));
process.stdout.write(`${JSON.stringify({ counts, pieces, wrong })}\n`);
