-- Lets one request in: the session, its last positions, its rate limits and its reservation, in that order, each only
-- when the one before allows it. So nobody spends or reads what belongs to a person with a token that is none.
-- ARGV: hash ('' for guests), least, now, last-seen step, hits, then 3 for each hit, then 1 and 6 for a reservation or 0.
local base, hash, now, step, hits = KEYS[1], ARGV[1], tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local word, held, positions, rated, reserved = 'guest', '', {}, {}, {}

if hash ~= '' then
  word, held = find(base, hash, ARGV[2], now)
  if word == 'found' then
    local session, expires = string.match(held, '^%d+:(%d+):%d+:(%d+)$')
    positions = redis.call('HGETALL', base .. ':w:' .. session)
    local seen = redis.call('GET', base .. ':n:' .. session)
    if not seen or now - tonumber(seen) >= step then
      redis.call('SET', base .. ':n:' .. session, ARGV[3], 'PXAT', expires)
    end
  end
end

if word == 'found' or word == 'guest' then
  local allowed, at = true, 6
  for _ = 1, hits do
    local one = hit(base .. ':l:' .. ARGV[at], tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2]), now)
    rated[#rated + 1] = one
    allowed = allowed and one[1] == 1
    at = at + 3
  end
  if allowed and ARGV[at] == '1' then
    reserved = reserve(base, ARGV[at + 1], ARGV[at + 2], ARGV[at + 3], now, tonumber(ARGV[at + 4]), tonumber(ARGV[at + 5]), tonumber(ARGV[at + 6]))
  end
end
return {word, held, positions, rated, reserved}
