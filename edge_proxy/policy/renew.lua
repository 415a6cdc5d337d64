-- Has streams count for longer; those of an edge that dies count no longer than their lease.
-- KEYS: the leases of a caller's streams. ARGV: now or '', lease in s, then each stream.

local now, lease_s = clock(ARGV[1]), tonumber(ARGV[2])
for i = 3, #ARGV do redis.call('ZADD', KEYS[1], string.format('%.6f', now + lease_s), ARGV[i]) end
redis.call('EXPIRE', KEYS[1], math.ceil(lease_s) + 1)
return 1
