// Whether the versions that a path says it has are there, and none beside them.
import type { Barrier } from '../barrier.ts';
import type { KvMeta } from './kv.ts';

export async function checkKv(barrier: Barrier): Promise<readonly string[]> {
  const problems: string[] = [];
  const places = await barrier.list('kv/');
  const data = new Set(places.filter((place) => place.split('/')[2] === 'data'));
  for (const place of places) {
    const [, mount, kind, ...path] = place.split('/');
    if (kind !== 'meta') continue;
    const meta = await barrier.read<KvMeta>(place);
    if (meta === null) continue;
    for (const [version, entry] of Object.entries(meta.versions)) {
      const there = data.delete(`kv/${mount}/data/${path.join('/')}/${version}`);
      if (there === entry.destroyed)
        problems.push(
          `version ${version} of the secret ${path.join('/')} is ${there ? 'destroyed and still there' : 'lost'}`,
        );
    }
    if (meta.current > 0 && meta.versions[meta.current] === undefined)
      problems.push(`the secret ${path.join('/')} has lost its newest version`);
  }
  for (const place of data) problems.push(`the record ${place} belongs to no secret`);
  return problems;
}
