-- The keys of the records in a range of a sorted set, in order. The set is that of all keys or an index. ARGV, beginning
-- at a position: prefix of the records' keys in Redis (for the caller), kind of keys, how many bytes of a member stand
-- before its key (-1: up to two zeros), lowest and highest member, 'up' or 'down', limit.
local function keys_in_range(set, position)
    local is_int, width = ARGV[position + 1] == 'int', tonumber(ARGV[position + 2])
    local low, high, limit = ARGV[position + 3], ARGV[position + 4], ARGV[position + 6]
    local keys
    if ARGV[position + 5] == 'up' then
        keys = redis.call('ZRANGE', set, low, high, 'BYLEX', 'LIMIT', 0, limit)
    else
        keys = redis.call('ZRANGE', set, high, low, 'BYLEX', 'REV', 'LIMIT', 0, limit)
    end
    for at = 1, #keys do
        local key = keys[at]
        if width > 0 then
            key = string.sub(key, width + 1)
        elseif width < 0 then
            local _, stop = string.find(key, '\0\0', 1, true)
            key = string.sub(key, stop + 1)
        end
        if is_int then
            if string.byte(key) == 49 then
                key = string.match(key, '^10*(%d.*)$')
            else
                local high, low = 9999999999 - string.sub(key, 2, 11), 999999999 - string.sub(key, 12)
                key = '-' .. string.match(string.format('%010.0f%09.0f', high, low), '^0*(.*)$')
            end
        end
        keys[at] = key
    end
    return keys
end

