-- Finds a session by its token's hash: 'behind', 'unknown', or 'found' with "person:session:opened:expires".
local function find(base, hash, least, now)
  local place = redis.call('HMGET', base .. ':p', 'next', 'until')
  local next_offset = tonumber(place[1])
  if not next_offset or next_offset < tonumber(place[2]) or next_offset < tonumber(least) then return 'behind', '' end
  local held = redis.call('GET', base .. ':t:' .. hash)
  if not held or tonumber(string.match(held, '(%d+)$')) <= now then return 'unknown', '' end
  return 'found', held
end
