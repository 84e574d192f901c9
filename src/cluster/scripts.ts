// What Redis does with a bucket, in one step and on its own clock. Numbers go both ways as whole microseconds.

/** KEYS: bucket. ARGV: interval µs, burst, wanted, debt, unused. Answers granted, µs until full, µs until the next token. */
export const rateScript = `
local t = redis.call('TIME')
local now = t[1] * 1000000 + t[2]
local interval, burst, wanted, debt, unused =
  tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local tat = tonumber(redis.call('GET', KEYS[1]) or '0')
tat = math.max(tat - unused * interval, now) + debt * interval
local room = math.floor(burst - (tat - now) / interval + 1e-6)
local granted = math.max(0, math.min(wanted, room, math.max(1, math.floor(room / 2))))
tat = tat + granted * interval
if tat > now then
  redis.call('SET', KEYS[1], string.format('%.3f', tat), 'PX', string.format('%d', math.ceil((tat - now) / 1000)))
else
  redis.call('DEL', KEYS[1])
end
local dry = tat - now - (burst - 1) * interval
if dry <= 1 then dry = 0 end
return { granted, math.ceil(tat - now), math.ceil(dry) }
`;

/**
 * KEYS: hash of a caller's quota; fields: the period (used) and `c` with the period (carried over). ARGV: period, period before,
 * count, most carried, wanted, debt, unused, ms to keep. Answers granted, left.
 */
export const quotaScript = `
local period, previous = ARGV[1], ARGV[2]
local count, most, wanted, debt, unused =
  tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local used = tonumber(redis.call('HGET', KEYS[1], period))
local carry
if used then
  carry = tonumber(redis.call('HGET', KEYS[1], 'c' .. period))
else
  used = 0
  carry = 0
  local before = tonumber(redis.call('HGET', KEYS[1], previous))
  if before then
    local carried = tonumber(redis.call('HGET', KEYS[1], 'c' .. previous))
    carry = math.min(most, math.max(0, count - math.max(0, before - carried)))
  end
  redis.call('DEL', KEYS[1])
end
used = math.max(0, used + debt - unused)
local room = count + carry - used
local granted = math.max(0, math.min(wanted, room, math.max(1, math.floor(room / 2))))
used = used + granted
redis.call('HSET', KEYS[1], period, string.format('%.0f', used), 'c' .. period, string.format('%.0f', carry))
redis.call('PEXPIRE', KEYS[1], ARGV[8])
return { granted, count + carry - used }
`;

/** KEYS: nodes. ARGV: id of the node, ms that a node counts after it was last heard. Answers their number. */
export const greetScript = `
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
redis.call('ZADD', KEYS[1], now, ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return redis.call('ZCARD', KEYS[1])
`;
