-- A sliding window in slots, as edge_proxy/core/window.py has it: a hash of slot -> what was used in it.
-- It comes before each of the scripts beside it.

local function clock(given)
  if given ~= '' then return tonumber(given) end
  local time = redis.call('TIME')
  return tonumber(time[1]) + tonumber(time[2]) / 1e6
end

-- The slots that count at `now`, in order, and their sum. Those that do not are removed.
local function read(key, slot_s, slots, now)
  local current, counted, total, old = math.floor(now / slot_s), {}, 0, {}
  local fields = redis.call('HGETALL', key)
  for i = 1, #fields, 2 do
    local slot, used = tonumber(fields[i]), tonumber(fields[i + 1])
    if slot < current - slots then
      old[#old + 1] = fields[i]
    elseif used > 0 then
      counted[#counted + 1] = {slot, used}
      total = total + used
    end
  end
  if #old > 0 then redis.call('HDEL', key, unpack(old)) end
  table.sort(counted, function(one, other) return one[1] < other[1] end)
  return counted, total
end

-- In how many seconds so much does not count any more; of all there is, if less.
local function frees(counted, amount, slot_s, slots, now)
  local last = nil
  for _, entry in ipairs(counted) do
    if amount <= 0 then break end
    amount = amount - entry[2]
    last = entry[1]
  end
  if last == nil then return 0 end
  return (last + slots + 1) * slot_s - now
end

local function add(key, amount, slot_s, slots, at)
  redis.call('HINCRBY', key, string.format('%d', math.floor(at / slot_s)), string.format('%d', amount))
  redis.call('EXPIRE', key, math.ceil((slots + 2) * slot_s))
end
