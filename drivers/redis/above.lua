-- Points of all entities whose metric is above a threshold, newest first and by entity within an instant. KEYS: the set
-- of entities. ARGV: from, to (excluded), place of the metric in a point, threshold, limit. The answer is entity and
-- point, in turns.
local from, to = ARGV[1], '(' .. ARGV[2]
local place, threshold, limit = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local unpack_float, found = struct.unpack, {}
for _, entity in ipairs(redis.call('SMEMBERS', KEYS[1])) do
    for _, point in ipairs(redis.call('ZRANGE', KEYS[1] .. ':' .. entity, from, to, 'BYSCORE')) do
        if unpack_float('<d', point, place) > threshold then
            found[#found + 1] = {(unpack_float('<d', point)), tonumber(entity), entity, point}
        end
    end
end
table.sort(found, function(one, other)
    if one[1] ~= other[1] then
        return one[1] > other[1]
    end
    return one[2] < other[2]
end)
local answer = {}
for at = 1, math.min(limit, #found) do
    answer[2 * at - 1], answer[2 * at] = found[at][3], found[at][4]
end
return answer
