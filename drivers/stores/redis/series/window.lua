-- Folds one metric of an entity's points in buckets. KEYS: the entity's sorted set. ARGV: from, to (excluded), width of
-- a bucket, position of the metric in a point, fold. The answer is a string of pairs of 64-bit floats: start of a bucket
-- and folded value, oldest first.
local width, position, fold = tonumber(ARGV[3]), tonumber(ARGV[4]), ARGV[5]
local unpack_float = struct.unpack
local buckets, start, count, folded = {}, nil, 0, 0

local function close()
    if count > 0 then
        local value = fold == 'count' and count or fold == 'mean' and folded / count or folded
        buckets[#buckets + 1] = struct.pack('<dd', start, value)
    end
end

for _, point in ipairs(redis.call('ZRANGE', KEYS[1], ARGV[1], '(' .. ARGV[2], 'BYSCORE')) do
    local instant, value = unpack_float('<d', point), unpack_float('<d', point, position)
    -- The remainder of a negative instant is positive in Lua, so buckets start at multiples also before 1970.
    local bucket = instant - instant % width
    if bucket ~= start then
        close()
        start, count, folded = bucket, 0, value
    elseif fold == 'min' then
        folded = math.min(folded, value)
    elseif fold == 'max' then
        folded = math.max(folded, value)
    else
        folded = folded + value
    end
    count = count + 1
end
close()
return table.concat(buckets)
