-- What every change of a partition checks first: `base:h` names the holder of its lease, `base:p` its position.
local function holds(base, holder)
  return redis.call('GET', base .. ':h') == holder
end
