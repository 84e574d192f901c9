// Bans in Redis: one hash for all gates, with the number of the last change in it, which each gate asks for.
import type { Ban, BanStore } from '../admission/index.ts';
import { type Redis, RedisScript } from './redis.ts';

/** Field that no block has. */
const CHANGE = '#';

/** ARGV: number that is known. Answers nothing when it is the newest, else all fields and values. */
const changes = new RedisScript(`
if (redis.call('HGET', KEYS[1], '${CHANGE}') or '0') == ARGV[1] then return false end
return redis.call('HGETALL', KEYS[1])
`);

/** ARGV: block, ban, now in ms. Puts away what has ended. */
const put = new RedisScript(`
local fields = redis.call('HGETALL', KEYS[1])
for i = 1, #fields, 2 do
  if fields[i] ~= '${CHANGE}' then
    local good, ban = pcall(cjson.decode, fields[i + 1])
    if not good or ban.untilMs <= tonumber(ARGV[3]) then redis.call('HDEL', KEYS[1], fields[i]) end
  end
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('HINCRBY', KEYS[1], '${CHANGE}', 1)
return 1
`);

const remove = new RedisScript(`
if redis.call('HDEL', KEYS[1], ARGV[1]) == 0 then return 0 end
redis.call('HINCRBY', KEYS[1], '${CHANGE}', 1)
return 1
`);

export class RedisBans implements BanStore {
  readonly onChange = null;
  readonly #redis: Redis;
  readonly #key: string;
  #seen = '';

  constructor(redis: Redis, prefix: string) {
    this.#redis = redis;
    this.#key = `${prefix}bans`;
  }

  async changes(): Promise<readonly Ban[] | null> {
    const answer = await this.#redis.run(changes, this.#key, [this.#seen]);
    if (!Array.isArray(answer)) return null;
    const bans: Ban[] = [];
    let seen = '0';
    for (let i = 0; i + 1 < answer.length; i += 2) {
      const [field, value] = [String(answer[i]), String(answer[i + 1])];
      if (field === CHANGE) seen = value;
      else {
        const ban = readBan(field, value);
        if (ban !== null) bans.push(ban);
      }
    }
    this.#seen = seen;
    return bans;
  }

  async put(ban: Ban): Promise<void> {
    await this.#redis.run(put, this.#key, [ban.block, JSON.stringify(ban), Date.now()]);
  }

  async remove(block: string): Promise<boolean> {
    return (await this.#redis.run(remove, this.#key, [block])) === 1;
  }
}

/** What others have written is not believed to be a ban. */
function readBan(block: string, text: string): Ban | null {
  try {
    const { reason, by, createdMs, untilMs } = JSON.parse(text) as Record<string, unknown>;
    if (typeof reason !== 'string' || typeof by !== 'string') return null;
    if (!Number.isSafeInteger(createdMs) || !Number.isSafeInteger(untilMs)) return null;
    return { block, reason, by, createdMs: createdMs as number, untilMs: untilMs as number };
  } catch {
    return null;
  }
}
