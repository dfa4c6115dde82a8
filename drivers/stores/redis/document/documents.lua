-- Executes one operation on records that are JSON documents, in one atomic step. range.lua precedes it. ARGV[1] is the verb.
-- The answer is 1, -1 if the record is missing, -2 if it exists; of a scan or find, a list of keys, each followed by its
-- document.
--
-- No document is parsed here: numbers in Lua, and so those of cjson, are floats. Sorted sets are those of records.lua.
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

-- A delete in a table without indexes. KEYS: record, all keys. ARGV: the key as a member.
if verb == 'delete' then
    if redis.call('DEL', record) == 0 then
        return -1
    end
    redis.call('ZREM', KEYS[2], ARGV[2])
    return 1
end

-- A scan or find. KEYS: all keys or an index. ARGV: the range as keys_in_range takes it.
local prefix, keys, names, rows = ARGV[2], keys_in_range(record, 2), {}, {}
for at = 1, #keys do
    names[at] = prefix .. keys[at]
end
-- One call takes some thousand arguments.
for first = 1, #keys, 1000 do
    local documents = redis.call('MGET', unpack(names, first, math.min(first + 999, #keys)))
    for at = 1, #documents do
        rows[#rows + 1] = keys[first + at - 1]
        rows[#rows + 1] = documents[at]
    end
end
return rows
