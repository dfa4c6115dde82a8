-- Points whose metric is above a threshold, newest first and by entity within an instant. KEYS: the sorted set of all
-- points. ARGV: from, to (excluded), position of the metric in a member, threshold, limit. It reads a page of points at a
-- time, and no more pages than it needs.
local PAGE = 200
local from, to, position = ARGV[1], ARGV[2], tonumber(ARGV[3])
local threshold, limit = tonumber(ARGV[4]), tonumber(ARGV[5])
local found, unpack_float = {}, struct.unpack
local first = redis.call('ZCOUNT', KEYS[1], to, '+inf')
local last = first + redis.call('ZCOUNT', KEYS[1], from, '(' .. to) - 1
while first <= last and #found < limit do
    for _, member in ipairs(redis.call('ZRANGE', KEYS[1], first, math.min(first + PAGE - 1, last), 'REV')) do
        if unpack_float('<d', member, position) > threshold and #found < limit then
            found[#found + 1] = member
        end
    end
    first = first + PAGE
end
return found
