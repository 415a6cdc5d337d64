-- Takes what a request asks for, if there is as much of everything: Account.take of edge_proxy/core/account.py.
-- KEYS: the leases of the caller's streams, then the window of each quota.
-- ARGV: now or '', the request's id, streams asked for, their limit (0: none), lease in s; for each quota: limit, need,
--       seconds in a slot, slots.
-- Returns now, whether it is granted, streams that run; for each quota: used, seconds until more, until all, to wait.

local now, id = clock(ARGV[1]), ARGV[2]
local streams, max_streams, lease_s = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local running = 0
if max_streams > 0 then
  redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('%.6f', now))
  running = redis.call('ZCARD', KEYS[1])
end
local granted = max_streams == 0 or running + streams <= max_streams

local quotas = {}
for i = 2, #KEYS do
  local from = 6 + 4 * (i - 2)
  local quota = {key = KEYS[i], limit = tonumber(ARGV[from]), need = tonumber(ARGV[from + 1]),
                 slot_s = tonumber(ARGV[from + 2]), slots = tonumber(ARGV[from + 3]), wait = 0}
  quota.counted, quota.used = read(quota.key, quota.slot_s, quota.slots, now)
  local missing = quota.used + quota.need - quota.limit
  if quota.need > 0 and missing > 0 then
    granted = false
    quota.wait = frees(quota.counted, missing, quota.slot_s, quota.slots, now)
  end
  quotas[#quotas + 1] = quota
end

if granted then
  if max_streams > 0 and streams > 0 then
    for number = 1, streams do
      redis.call('ZADD', KEYS[1], string.format('%.6f', now + lease_s), id .. ':' .. number)
    end
    redis.call('EXPIRE', KEYS[1], math.ceil(lease_s) + 1)
    running = running + streams
  end
  for _, quota in ipairs(quotas) do
    if quota.need > 0 then
      add(quota.key, quota.need, quota.slot_s, quota.slots, now)
      quota.used = quota.used + quota.need
      quota.counted[#quota.counted + 1] = {math.floor(now / quota.slot_s), quota.need}
    end
  end
end

local answer = {string.format('%.6f', now), granted and 1 or 0, running}
for _, quota in ipairs(quotas) do
  local function until_free(amount)
    return string.format('%.6f', frees(quota.counted, amount, quota.slot_s, quota.slots, now))
  end
  answer[#answer + 1] = quota.used
  answer[#answer + 1] = until_free(math.max(quota.used - quota.limit, 0) + 1)
  answer[#answer + 1] = until_free(quota.used)
  answer[#answer + 1] = string.format('%.6f', quota.wait)
end
return answer
