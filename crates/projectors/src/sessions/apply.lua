-- Applies a batch to one partition. ARGV: holder, expected, next, now, most parked, then the operations, each a letter
-- and its fields:
--   O person session hash device opened expires     R person session mark_until
--   P offset event reason                           U event
-- Ids stay text: they have more bits than a number here.
local base, holder, expected, next_offset, now, most = KEYS[1], ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])

if not holds(base, holder) then return 'fenced' end
local position = redis.call('HGET', base .. ':p', 'next')
if not position then return 'missing' end
-- The answer to the first attempt was lost.
if position == next_offset then return 'applied' end
if position ~= expected then return 'moved' end

local function opened(person, session, hash, device, at, expires)
  local key = base .. ':i:' .. person .. ':' .. session
  if tonumber(expires) <= now or redis.call('EXISTS', key) == 1 then return end
  redis.call('SET', key, hash .. ':' .. at .. ':' .. expires .. ':' .. device, 'PXAT', expires)
  redis.call('SET', base .. ':t:' .. hash, person .. ':' .. session .. ':' .. at .. ':' .. expires, 'PXAT', expires)
  local of_person = base .. ':o:' .. person
  redis.call('ZREMRANGEBYSCORE', of_person, '-inf', string.format('%.0f', now))
  redis.call('ZADD', of_person, expires, session)
  local last = redis.call('ZRANGE', of_person, -1, -1, 'WITHSCORES')[2]
  redis.call('PEXPIREAT', of_person, string.format('%.0f', tonumber(last)))
end

local function revoked(person, session, mark_until)
  local key = base .. ':i:' .. person .. ':' .. session
  local held = redis.call('GET', key)
  if held == 'R' then return end
  if not held then
    if tonumber(mark_until) > now then redis.call('SET', key, 'R', 'PXAT', mark_until) end
    return
  end
  redis.call('SET', key, 'R', 'KEEPTTL')
  redis.call('DEL', base .. ':t:' .. string.match(held, '^([^:]*)'))
  redis.call('DEL', base .. ':n:' .. session)
  redis.call('DEL', base .. ':w:' .. session)
  redis.call('ZREM', base .. ':o:' .. person, session)
end

local function parked()
  local count, i = 0, 6
  local width = {O = 7, R = 4, P = 4, U = 2}
  while i <= #ARGV do
    if ARGV[i] == 'P' then count = count + 1 end
    i = i + width[ARGV[i]]
  end
  return count
end
local more = parked()
if more > 0 and redis.call('HLEN', base .. ':x') + more > most then return 'full' end

local i = 6
while i <= #ARGV do
  local letter = ARGV[i]
  if letter == 'O' then
    opened(ARGV[i + 1], ARGV[i + 2], ARGV[i + 3], ARGV[i + 4], ARGV[i + 5], ARGV[i + 6])
    i = i + 7
  elseif letter == 'R' then
    revoked(ARGV[i + 1], ARGV[i + 2], ARGV[i + 3])
    i = i + 4
  elseif letter == 'P' then
    redis.call('HSET', base .. ':x', ARGV[i + 1], ARGV[i + 2] .. ':' .. ARGV[i + 3])
    i = i + 4
  else
    local all = redis.call('HGETALL', base .. ':x')
    for j = 1, #all, 2 do
      if string.sub(all[j + 1], 1, #ARGV[i + 1]) == ARGV[i + 1] then redis.call('HDEL', base .. ':x', all[j]) end
    end
    i = i + 2
  end
end

redis.call('HSET', base .. ':p', 'next', next_offset)
return 'applied'
