-- Carries out one operation on records that are JSON documents, in one step that nobody sees half done. ARGV[1] is its verb.
-- Answers 1, -1 if the record is missing, -2 if it exists; a scan or find answers a list of keys, each with its document
-- behind it.
--
-- No document is looked into here: numbers of Lua, and so those of cjson, are floats. Sorted sets are those of records.lua.
local verb, record = ARGV[1], KEYS[1]

-- KEYS: record, all keys, an index for each member. ARGV: document, the key as a member, member of each index...
if verb == 'insert' then
    if not redis.call('SET', record, ARGV[2], 'NX') then
        return -2
    end
    for at = 2, #KEYS do
        redis.call('ZADD', KEYS[at], 0, ARGV[at + 1])
    end
    return 1
end

-- Of a table without indexes. KEYS: record, all keys. ARGV: the key as a member.
if verb == 'delete' then
    if redis.call('DEL', record) == 0 then
        return -1
    end
    redis.call('ZREM', KEYS[2], ARGV[2])
    return 1
end

-- KEYS: all keys or an index. ARGV: prefix of records, kind of keys, how many bytes of a member stand before its key (-1:
-- up to two zeros), lowest and highest, 'up' or 'down', limit.
local prefix, is_int, width, low, high, limit = ARGV[2], ARGV[3] == 'int', tonumber(ARGV[4]), ARGV[5], ARGV[6], ARGV[8]
local found, names, rows = nil, {}, {}
if ARGV[7] == 'up' then
    found = redis.call('ZRANGE', record, low, high, 'BYLEX', 'LIMIT', 0, limit)
else
    found = redis.call('ZRANGE', record, high, low, 'BYLEX', 'REV', 'LIMIT', 0, limit)
end
for at = 1, #found do
    local name = found[at]
    if width > 0 then
        name = string.sub(name, width + 1)
    elseif width < 0 then
        local _, stop = string.find(name, '\0\0', 1, true)
        name = string.sub(name, stop + 1)
    end
    if is_int then
        if string.byte(name) == 49 then
            name = string.match(name, '^10*(%d.*)$')
        else
            local high, low = 9999999999 - string.sub(name, 2, 11), 999999999 - string.sub(name, 12)
            name = '-' .. string.match(string.format('%010.0f%09.0f', high, low), '^0*(.*)$')
        end
    end
    found[at], names[at] = name, prefix .. name
end
-- A call takes some thousand arguments.
for first = 1, #found, 1000 do
    local documents = redis.call('MGET', unpack(names, first, math.min(first + 999, #found)))
    for at = 1, #documents do
        rows[#rows + 1] = found[first + at - 1]
        rows[#rows + 1] = documents[at]
    end
end
return rows
