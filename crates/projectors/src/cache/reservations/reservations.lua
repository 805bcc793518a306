-- The reservations of one hash tag: the hash `base:r` holds an entry a key, the sorted set `base:rx` when each ends.
-- An entry is one letter (P in work, U outcome unknown, D done), 14 digits of Unix ms, 16 bytes of the body's hash, and
-- the payload.
local function entry_of(state, since, body, payload)
  return state .. string.format('%014.0f', since) .. body .. payload
end

local function read_reservation(base, key)
  local entry = redis.call('HGET', base .. ':r', key)
  if not entry then return nil end
  return {
    state = string.sub(entry, 1, 1), since = tonumber(string.sub(entry, 2, 15)),
    body = string.sub(entry, 16, 31), payload = string.sub(entry, 32),
  }
end

local function forget_reservation(base, key)
  redis.call('HDEL', base .. ':r', key)
  redis.call('ZREM', base .. ':rx', key)
end

local function write_reservation(base, key, held, now, ttl)
  redis.call('HSET', base .. ':r', key, entry_of(held.state, held.since, held.body, held.payload))
  redis.call('ZADD', base .. ':rx', 'NX', string.format('%.0f', now + ttl), key)
  redis.call('PEXPIRE', base .. ':r', string.format('%.0f', 2 * ttl))
  redis.call('PEXPIRE', base .. ':rx', string.format('%.0f', 2 * ttl))
end

local function purge_reservations(base, now)
  local ended = redis.call('ZRANGEBYSCORE', base .. ':rx', '-inf', string.format('%.0f', now), 'LIMIT', 0, 32)
  if #ended > 0 then
    redis.call('HDEL', base .. ':r', unpack(ended))
    redis.call('ZREM', base .. ':rx', unpack(ended))
  end
end

local function reserve(base, key, body, payload, now, ttl, takeover, most)
  purge_reservations(base, now)
  local ends = redis.call('ZSCORE', base .. ':rx', key)
  if ends and tonumber(ends) <= now then forget_reservation(base, key) end
  local held = read_reservation(base, key)
  if not held then
    if redis.call('ZCARD', base .. ':rx') >= most then return {'full', 0, ''} end
    write_reservation(base, key, {state = 'P', since = now, body = body, payload = payload}, now, ttl)
    return {'fresh', now, ''}
  end
  if held.body ~= body then return {'other', 0, ''} end
  if held.state == 'D' then return {'done', held.since, held.payload} end
  if held.state == 'P' and held.payload == payload then return {'fresh', held.since, ''} end
  if held.state == 'P' and now - held.since < takeover then return {'work', held.since, ''} end
  held.state, held.since = 'P', math.max(now, held.since + 1)
  write_reservation(base, key, held, now, ttl)
  return {'repeat', held.since, held.payload}
end
