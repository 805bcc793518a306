-- Takes out what changed from `since` to below `heard`: pairs of a key and the offset of its change. What was taken out
-- before is passed over; where the sweep has not come to `since` it begins there anew.
local base, since, heard, ttl, most = KEYS[1], ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local chunk, sweep = tonumber(ARGV[5]), redis.call('HMGET', base .. ':f', 'from', 'through', 'stale')
local from, through, stale = sweep[1], sweep[2], sweep[3]
if not from or not through or through < since then
  from, through, stale = since, since, number(now_ms())
  redis.call('HSET', base .. ':f', 'from', from, 'through', through, 'stale', stale)
end
if stale then
  local old = redis.call('ZRANGEBYSCORE', base .. ':x', '-inf', number(tonumber(stale) + ttl), 'LIMIT', 0, chunk)
  for _, key in ipairs(old) do
    redis.call('DEL', base .. ':' .. key)
    redis.call('ZREM', base .. ':x', key)
  end
  if #old < chunk then
    redis.call('HDEL', base .. ':f', 'stale')
    stale = false
  end
end
for i = 6, #ARGV, 2 do
  local key, offset = ARGV[i], ARGV[i + 1]
  if offset >= through then
    local held = redis.call('GETRANGE', base .. ':' .. key, 0, 19)
    if held == '' or held < offset then hold(base, key, offset, offset, ttl, most) end
  end
end
if heard > through then redis.call('HSET', base .. ':f', 'through', heard) end
redis.call('PEXPIRE', base .. ':f', number(2 * ttl))
return stale and 1 or 0
