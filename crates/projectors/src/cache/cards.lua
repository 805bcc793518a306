-- Puts a card unless a newer one, or the mark that a newer one is needed, stands there. `base:x` tells when each ends.
local base, kind, id, offset, card = KEYS[1], ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local now, ttl, most, key = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7]), ARGV[1] .. ':' .. ARGV[2]

local held = redis.call('GET', base .. ':' .. key)
-- Offsets are 20 digits: they compare as text.
if held and string.sub(held, 1, 20) > offset then return 0 end

local ended = redis.call('ZRANGEBYSCORE', base .. ':x', '-inf', string.format('%.0f', now), 'LIMIT', 0, 16)
if #ended == 0 and not held and redis.call('ZCARD', base .. ':x') >= most then
  ended = redis.call('ZRANGE', base .. ':x', 0, 3)
end
for _, old in ipairs(ended) do
  if old ~= key then redis.call('DEL', base .. ':' .. old) end
  redis.call('ZREM', base .. ':x', old)
end

redis.call('SET', base .. ':' .. key, offset .. card, 'PX', string.format('%.0f', ttl))
redis.call('ZADD', base .. ':x', string.format('%.0f', now + ttl), key)
redis.call('PEXPIRE', base .. ':x', string.format('%.0f', 2 * ttl))
return 1
