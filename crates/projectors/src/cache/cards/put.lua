-- Puts a card that was read when its view was at `through`; nothing changes one without.
local base, key, offset, through, ttl, most = KEYS[1], ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
if through ~= '' then
  local from = redis.call('HGET', base .. ':f', 'from')
  if not from or through < from then return 0 end
end
return hold(base, key, offset, ARGV[6], ttl, most)
