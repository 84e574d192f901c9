// What detection finds and what it invents, on simulated traffic: weeks of calm for false incidents, then each kind of attack at three
// strengths from the same learned state.
//
//   node bench/detect-traffic.ts [--days 14] [--learn 14] [--seeds 1] [--consumers 500] [--json] [--speed]
import { parseArgs } from 'node:util';
import { evaluate, measureSpeed, tableOf } from '../test/traffic/evaluate.ts';

const { values } = parseArgs({
  options: {
    learn: { type: 'string', default: '14' },
    days: { type: 'string', default: '14' },
    seeds: { type: 'string', default: '1' },
    consumers: { type: 'string', default: '500' },
    json: { type: 'boolean', default: false },
    speed: { type: 'boolean', default: false },
  },
});

if (values.speed) {
  process.stdout.write(`${JSON.stringify(measureSpeed(), null, 2)}\n`);
} else {
  const result = evaluate({
    learnDays: Number(values.learn),
    calmDays: Number(values.days),
    seeds: Array.from({ length: Number(values.seeds) }, (_, index) => index + 1),
    consumers: Number(values.consumers),
  });
  process.stdout.write(values.json ? `${JSON.stringify(result, null, 2)}\n` : `${tableOf(result)}\n`);
}
