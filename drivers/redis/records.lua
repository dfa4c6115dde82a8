-- Carries out operations on records, one after another, in one step that nobody sees half done.
--
-- ARGV[1] is 'one', or 'all' for a transaction: then what was changed is put back if an operation is refused or fails.
-- After it stand the operations, each as its verb and its arguments; KEYS holds the keys of each, in the same order.
-- The answer is {1, rows of the first read, rows of the second...}, or {a code below, position of the operation}.
--
-- A record is a hash of raw values. Beside it lie sorted sets in which every score is 0, so that members are ordered by
-- their bytes: one of all keys, and one for each indexed field, of values and keys. Numbers of Lua are floats, so 64-bit
-- integers are compared and ordered as text, and added by Redis itself.
local APPLIED, REFUSED, MISSING, EXISTS, NO_INTEGER, TOO_LARGE = 1, 0, -1, -2, -3, -4

local call = redis.call
local keys_taken, taken = 0, 1
local undo = ARGV[1] == 'all' and {}

local function key()
    keys_taken = keys_taken + 1
    return KEYS[keys_taken]
end

local function arg()
    taken = taken + 1
    return ARGV[taken]
end

-- The next arguments, as positions of the first and the last.
local function args(count)
    local first = taken + 1
    taken = taken + count
    return first, taken
end

-- Digits as their complement to nines: larger ones come first.
local NINES = {['0'] = '9', ['1'] = '8', ['2'] = '7', ['3'] = '6', ['4'] = '5',
               ['5'] = '4', ['6'] = '3', ['7'] = '2', ['8'] = '1', ['9'] = '0'}

-- A 64-bit integer as 20 digits, and back: the sign (0 below zero) and 19 digits, in nines' complement below zero.
local function sortable(number)
    local digits = string.match(number, '^-(%d+)$')
    if not digits then
        return '1' .. string.rep('0', 19 - #number) .. number
    end
    return '0' .. string.rep('9', 19 - #digits) .. (string.gsub(digits, '%d', NINES))
end

local function plain(member)
    local digits = string.sub(member, 2)
    if string.byte(member) == 49 then
        return string.match(digits, '^0*(%d.*)$')
    end
    return '-' .. string.match(string.gsub(digits, '%d', NINES), '^0*(%d.*)$')
end

-- Raw text of a value or key as bytes in its kind's order, none the beginning of another: integers and instants, floats
-- (adding 0 makes -0 the 0 that it equals), flags, keys of text, and texts and bytes with an end of their own.
local function ordered(kind, raw)
    if kind == 'int' then
        return sortable(raw)
    elseif kind == 'float' then
        local number = tonumber(raw) + 0
        local bytes = struct.pack('>d', number)
        if number >= 0 then
            return string.char(string.byte(bytes) + 128) .. string.sub(bytes, 2)
        end
        return (string.gsub(bytes, '.', function(byte) return string.char(255 - string.byte(byte)) end))
    elseif kind == 'text' then
        return (string.gsub(raw, '%z', '\0\255')) .. '\0\0'
    end
    return raw
end

-- The key at the end of an index's member.
local function key_of(kind, member)
    if kind == 'int' then
        return string.sub(member, 21)
    elseif kind == 'float' then
        return string.sub(member, 9)
    elseif kind == 'text' then
        local _, last = string.find(member, '\0\0', 1, true)
        return string.sub(member, last + 1)
    end
    return string.sub(member, 2)
end

-- An integer as two floats that are both exact: the part above 10^9, and the rest.
local function parts(number)
    local sign, digits = string.match(number, '^(-?)(%d+)$')
    local factor = sign == '-' and -1 or 1
    local high = #digits > 9 and tonumber(string.sub(digits, 1, -10)) or 0
    return factor * high, factor * tonumber(string.sub(digits, -9))
end

-- Whether held + by < floor, exactly, also where no 64-bit integer could hold the sum.
local function falls_below(held, by, floor)
    local high, low = parts(held)
    local more_high, more_low = parts(by)
    local floor_high, floor_low = parts(floor)
    return (high + more_high - floor_high) * 1e9 + (low + more_low - floor_low) < 0
end

local function remember(...)
    if undo then
        undo[#undo + 1] = {...}
    end
end

local function enter(index, member)
    call('ZADD', index, 0, member)
    remember('ZREM', index, member)
end

local function leave(index, member)
    call('ZREM', index, member)
    remember('ZADD', index, 0, member)
end

-- KEYS: record, all keys, an index for each. ARGV: kind of key, key, count, field and value..., count, kind and the
-- place of the value...
local function insert()
    local record, order, kind, name = key(), key(), arg(), arg()
    local first, last = args(tonumber(arg()))
    if call('EXISTS', record) == 1 then
        return EXISTS
    end
    local member = ordered(kind, name)
    call('HSET', record, unpack(ARGV, first, last))
    remember('DEL', record)
    enter(order, member)
    for _ = 1, tonumber(arg()) do
        local of, at = arg(), tonumber(arg())
        enter(key(), ordered(of, ARGV[first + at]) .. member)
    end
    return APPLIED
end

-- KEYS: record, an index for each. ARGV: kind of key, key, count, field and value..., count, field without a value...,
-- count, field and kind...
local function update()
    local record, kind, name = key(), arg(), arg()
    local first, last = args(tonumber(arg()))
    local first_gone, last_gone = args(tonumber(arg()))
    if call('EXISTS', record) == 0 then
        return MISSING
    end
    local indexes = {}
    for at = 1, tonumber(arg()) do
        local field = arg()
        indexes[at] = {index = key(), field = field, kind = arg(), before = call('HGET', record, field)}
    end
    if undo then
        for at = first, last, 2 do
            local before = call('HGET', record, ARGV[at])
            if before then remember('HSET', record, ARGV[at], before) else remember('HDEL', record, ARGV[at]) end
        end
        for at = first_gone, last_gone do
            local before = call('HGET', record, ARGV[at])
            if before then remember('HSET', record, ARGV[at], before) end
        end
    end
    if first <= last then
        call('HSET', record, unpack(ARGV, first, last))
    end
    if first_gone <= last_gone then
        call('HDEL', record, unpack(ARGV, first_gone, last_gone))
    end
    for _, one in ipairs(indexes) do
        local after = call('HGET', record, one.field)
        if after ~= one.before then
            local member = ordered(kind, name)
            if one.before then leave(one.index, ordered(one.kind, one.before) .. member) end
            if after then enter(one.index, ordered(one.kind, after) .. member) end
        end
    end
    return APPLIED
end

-- KEYS: record, all keys, an index for each. ARGV: kind of key, key, count, field and kind...
local function delete()
    local record, order, kind, name = key(), key(), arg(), arg()
    if call('EXISTS', record) == 0 then
        return MISSING
    end
    local member = ordered(kind, name)
    for _ = 1, tonumber(arg()) do
        local field, of, index = arg(), arg(), key()
        local before = call('HGET', record, field)
        if before then leave(index, ordered(of, before) .. member) end
    end
    leave(order, member)
    if undo then
        remember('HSET', record, unpack(call('HGETALL', record)))
    end
    call('DEL', record)
    return APPLIED
end

-- KEYS: record, its index if the field has one. ARGV: kind of key, key, field, by, floor or nothing, kind or nothing.
local function bump()
    local record, kind, name, field, by, floor, of = key(), arg(), arg(), arg(), arg(), arg(), arg()
    local held = call('HGET', record, field)
    if not held then
        return call('EXISTS', record) == 1 and NO_INTEGER or MISSING
    end
    if not string.match(held, '^-?%d+$') then
        return NO_INTEGER
    end
    if floor ~= '' and falls_below(held, by, floor) then
        return REFUSED
    end
    local sum = redis.pcall('HINCRBY', record, field, by)
    if type(sum) == 'table' then
        return TOO_LARGE
    end
    remember('HSET', record, field, held)
    if of ~= '' then
        local member, index = ordered(kind, name), key()
        leave(index, ordered(of, held) .. member)
        enter(index, ordered(of, call('HGET', record, field)) .. member)
    end
    return APPLIED
end

-- KEYS: record. ARGV: count, field... A record that is there has a value in one of them at least.
local function read()
    local values = call('HMGET', key(), unpack(ARGV, args(tonumber(arg()))))
    for _, value in ipairs(values) do
        if value then
            return APPLIED, values
        end
    end
    return MISSING
end

-- Rows of these records: the asked values and then the key. ARGV: count, field...
local function rows(prefix, kind, members)
    local first, last = args(tonumber(arg()))
    for at, member in ipairs(members) do
        local name = kind == 'int' and plain(member) or member
        local row = call('HMGET', prefix .. name, unpack(ARGV, first, last))
        row[#row + 1] = name
        members[at] = row
    end
    return APPLIED, members
end

-- KEYS: all keys. ARGV: prefix of records, kind of key, key to start from, limit, and as above.
local function scan()
    local prefix, kind = arg(), arg()
    local from = '[' .. ordered(kind, arg())
    return rows(prefix, kind, call('ZRANGE', key(), from, '+', 'BYLEX', 'LIMIT', 0, arg()))
end

-- KEYS: index. ARGV: prefix of records, kind of key, kind of value, lowest, highest, 'up' or 'down', limit, and as above.
-- No key begins with the byte 255, so it stands behind all keys of a value.
local function find()
    local prefix, kind, of = arg(), arg(), arg()
    local low, high = '[' .. ordered(of, arg()), nil
    high = '[' .. ordered(of, arg()) .. '\255'
    local members
    if arg() == 'up' then
        members = call('ZRANGE', key(), low, high, 'BYLEX', 'LIMIT', 0, arg())
    else
        members = call('ZRANGE', key(), high, low, 'BYLEX', 'REV', 'LIMIT', 0, arg())
    end
    for at, member in ipairs(members) do
        members[at] = key_of(of, member)
    end
    return rows(prefix, kind, members)
end

local verbs = {insert = insert, update = update, delete = delete, bump = bump, read = read, scan = scan, find = find}
local answer, position = {APPLIED}, 0
while taken < #ARGV do
    local code, found = verbs[arg()]()
    if code ~= APPLIED then
        for at = undo and #undo or 0, 1, -1 do
            call(unpack(undo[at]))
        end
        return {code, position}
    end
    position = position + 1
    if found then
        answer[#answer + 1] = found
    end
end
return answer
