-- Adds points. KEYS: the set of entities, and for each point its entity's sorted set. ARGV: for each point its instant
-- and itself. A point of the same instant gives way, in one step that nobody sees half done.
local call = redis.call
local prefix = #KEYS[1] + 2
local entities, seen = {}, {}
for at = 2, #KEYS do
    local key, instant = KEYS[at], ARGV[2 * at - 3]
    call('ZREMRANGEBYSCORE', key, instant, instant)
    call('ZADD', key, instant, ARGV[2 * at - 2])
    if not seen[key] then
        seen[key] = true
        entities[#entities + 1] = string.sub(key, prefix)
    end
end
return call('SADD', KEYS[1], unpack(entities))
