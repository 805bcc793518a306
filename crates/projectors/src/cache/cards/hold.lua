-- Cards of one partition. `base:x` tells when each ends; `base:f` is the sweep: every change at an offset from `from` to
-- below `through` was taken out, and what was put before `stale` is still to be cleared. Times are the server's own, in
-- milliseconds. Offsets are 20 digits: they compare as text.
local function now_ms()
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end

local function number(n) return string.format('%.0f', n) end

-- Holds a card, or the mark that a newer one is needed, unless something newer stands there.
local function hold(base, key, offset, value, ttl, most)
  local held = redis.call('GET', base .. ':' .. key)
  if held and string.sub(held, 1, 20) > offset then return 0 end
  local now, stale = now_ms(), tonumber(redis.call('HGET', base .. ':f', 'stale') or 0)
  -- What is to be cleared ends before everything that is put since.
  if stale >= now then now = stale + 1 end
  local ended = redis.call('ZRANGEBYSCORE', base .. ':x', '-inf', number(now), 'LIMIT', 0, 16)
  if #ended == 0 and not held and redis.call('ZCARD', base .. ':x') >= most then
    ended = redis.call('ZRANGE', base .. ':x', 0, 3)
  end
  for _, old in ipairs(ended) do
    if old ~= key then redis.call('DEL', base .. ':' .. old) end
    redis.call('ZREM', base .. ':x', old)
  end
  redis.call('SET', base .. ':' .. key, value, 'PX', number(ttl))
  redis.call('ZADD', base .. ':x', number(now + ttl), key)
  redis.call('PEXPIRE', base .. ':x', number(2 * ttl))
  return 1
end
