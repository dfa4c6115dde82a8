-- Adds points. KEYS: the sorted set of all points, and for each point its entity's. ARGV: for each point its instant
-- and its member of all points, which is its entity in 8 bytes and then its member among its entity's. It replaces a
-- point of the same instant, in one atomic step.
local call, KEYS, ARGV = redis.call, KEYS, ARGV
local all = KEYS[1]
for at = 2, #KEYS do
    local key, instant, member = KEYS[at], ARGV[2 * at - 3], ARGV[2 * at - 2]
    -- Most instants are new, and a number is faster to make than an empty list.
    if call('ZCOUNT', key, instant, instant) > 0 then
        local former = call('ZRANGE', key, instant, instant, 'BYSCORE')[1]
        call('ZREM', key, former)
        call('ZREM', all, string.sub(member, 1, 8) .. former)
    end
    call('ZADD', key, instant, string.sub(member, 9))
    call('ZADD', all, instant, member)
end
return #KEYS - 1
