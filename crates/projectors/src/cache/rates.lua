-- The sliding window of rates.rs. `key` holds "index:current:previous".
local function hit(key, limit, window, now)
  local index, current, previous = math.floor(now / window), 0, 0
  local held = redis.call('GET', key)
  if held then
    local i, c, p = string.match(held, '^(%-?%d+):(%d+):(%d+)$')
    i, c, p = tonumber(i), tonumber(c), tonumber(p)
    if i >= index then index, current, previous = i, c, p
    elseif i == index - 1 then previous = c end
  end
  local elapsed = math.max(0, now - index * window)
  local weighted = previous * (window - elapsed) / window + current
  if weighted + 1 <= limit then
    local value = string.format('%.0f:%.0f:%.0f', index, current + 1, previous)
    redis.call('SET', key, value, 'PX', string.format('%.0f', 2 * window))
    return {1, math.floor(limit - weighted - 1), window - elapsed}
  end
  local wait
  if current + 1 <= limit then
    wait = window * (1 - (limit - 1 - current) / previous) - elapsed
  else
    wait = window - elapsed
    if current > 0 and limit > 0 then wait = wait + window * (1 - (limit - 1) / current) end
  end
  return {0, 0, math.ceil(wait)}
end
