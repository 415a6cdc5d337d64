-- Charges what a request has used instead of what it took, and ends its streams: Account.settle and OwnBooks.settle.
-- KEYS: the leases of the caller's streams, how far the generation is paid for, then the window of each quota.
-- ARGV: now or '', the request's id, its streams, when it took; of what was read: '' or its end, its beginning, 1 if by who
--       came back to it, seconds to know that for; for each quota: more (or, negative, less) than was taken, 1 if it
--       counts tokens, seconds in a slot, slots.

local now, id, streams, at = clock(ARGV[1]), ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
for number = 1, streams do redis.call('ZREM', KEYS[1], id .. ':' .. number) end

local unpaid = 0
if ARGV[5] ~= '' then
  local last = tonumber(ARGV[5])
  local paid = tonumber(redis.call('GET', KEYS[2]) or ARGV[6])
  if ARGV[7] == '1' then unpaid = math.max(0, last - paid) end
  redis.call('SET', KEYS[2], string.format('%d', math.max(paid, last)), 'EX', ARGV[8])
end

for i = 3, #KEYS do
  local from = 9 + 4 * (i - 3)
  local more, slot_s, slots = tonumber(ARGV[from]), tonumber(ARGV[from + 2]), tonumber(ARGV[from + 3])
  if ARGV[from + 1] == '1' then more = more + unpaid end
  if more > 0 then
    add(KEYS[i], more, slot_s, slots, now)
  elseif more < 0 then
    local slot = string.format('%d', math.floor(at / slot_s))
    local there = tonumber(redis.call('HGET', KEYS[i], slot) or 0)
    if there > 0 then redis.call('HINCRBY', KEYS[i], slot, string.format('%d', -math.min(there, -more))) end
  end
end
return 1
