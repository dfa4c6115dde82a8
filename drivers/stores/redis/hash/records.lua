-- Executes operations on records, one after another, in one atomic step. range.lua precedes it.
--
-- ARGV[1] is 'one', or 'all' for a transaction: its changes are undone if an operation is refused or fails. ARGV[2] is
-- 'indexed' if an operation changes a field that has an index. The operations follow, each as its verb and its
-- arguments; KEYS holds the keys of each, in the same order. The answer is {1, rows of the first read...}, or
-- {code, position of the operation}: 0 refused, -1 missing, -2 exists, -3 holds no integer, -4 too large for one.
--
-- A record is a hash of raw values. Beside it are sorted sets in which every score is 0, so that members are ordered by
-- their bytes: one of all keys, and one for each index, of values and keys. The client encodes what it knows; only
-- values that a change replaces are encoded here. Numbers in Lua are floats, so 64-bit integers are compared as text.
--
-- It is one long loop because its time is measured: functions are made anew at every call, and twenty cost more than a
-- change. (One, as range.lua has, makes no difference that could be measured.)
local undo = ARGV[1] == 'all' and {} or nil

local function execute()
    local call, KEYS, ARGV = redis.call, KEYS, ARGV
    local answer, code, position = {1}, 1, 0
    local k, a, last = 0, 3, #ARGV

    -- A raw value as bytes that sort as it does, as `collation.rs` writes them.
    local ordered
    if ARGV[2] == 'indexed' then
        ordered = function(kind, raw)
            if kind == 'int' then
                local digits = string.match(raw, '^-(%d+)$')
                if not digits then
                    return '1' .. string.rep('0', 19 - #raw) .. raw
                end
                digits = string.rep('0', 19 - #digits) .. digits
                local high, low = 9999999999 - string.sub(digits, 1, 10), 999999999 - string.sub(digits, 11)
                return string.format('0%010.0f%09.0f', high, low)
            elseif kind == 'float' then
                -- Adding 0 makes -0 the 0 that it equals.
                local number = raw + 0
                local b1, b2, b3, b4, b5, b6, b7, b8 = string.byte(struct.pack('>d', number), 1, 8)
                if number >= 0 then
                    return string.char(b1 + 128, b2, b3, b4, b5, b6, b7, b8)
                end
                return string.char(255 - b1, 255 - b2, 255 - b3, 255 - b4, 255 - b5, 255 - b6, 255 - b7, 255 - b8)
            elseif kind == 'text' then
                return string.gsub(raw, '%z', '\0\255') .. '\0\0'
            end
            return raw
        end
    end

    while a <= last and code == 1 do
        local verb = ARGV[a]
        local record = KEYS[k + 1]

        -- KEYS: record. ARGV: count, field... An existing record has a value in at least one of them.
        if verb == 'read' then
            local count = tonumber(ARGV[a + 1])
            local values = call('HMGET', record, unpack(ARGV, a + 2, a + 1 + count))
            code = -1
            for at = 1, count do
                if values[at] then
                    code = 1
                    break
                end
            end
            answer[#answer + 1] = values
            k, a = k + 1, a + 2 + count

        -- KEYS: record, its index if the field has one. ARGV: field, by, floor or nothing, kind of the index or
        -- nothing, the key as a member.
        elseif verb == 'bump' then
            local field, by, floor, kind = ARGV[a + 1], ARGV[a + 2], ARGV[a + 3], ARGV[a + 4]
            local held = call('HGET', record, field)
            if not held then
                code = call('EXISTS', record) == 1 and -3 or -1
            elseif not string.find(held, '^-?%d+$') then
                code = -3
            elseif floor ~= '' then
                if #held < 16 and #by < 16 and #floor < 16 then
                    if held + by < tonumber(floor) then code = 0 end
                else
                    -- Each number as two that are exact, above and below 10^9. The sum may be larger than 64 bits.
                    local high, low = 0, 0
                    for at, number in ipairs({held, by, floor}) do
                        local minus, digits = string.match(number, '^(-?)(%d+)$')
                        local sign = (minus == '-') == (at == 3) and 1 or -1
                        if #digits > 9 then high = high + sign * string.sub(digits, 1, -10) end
                        low = low + sign * string.sub(digits, -9)
                    end
                    if high * 1e9 + low < 0 then code = 0 end
                end
            end
            if code == 1 then
                local sum = redis.pcall('HINCRBY', record, field, by)
                if type(sum) == 'table' and string.find(sum.err, 'overflow', 1, true) then
                    code = -4
                else
                    -- Any other error occurs again, and fails the script.
                    if type(sum) == 'table' then call('HINCRBY', record, field, by) end
                    if undo then undo[#undo + 1] = {'HSET', record, field, held} end
                    if kind ~= '' then
                        local index, member = KEYS[k + 2], ARGV[a + 5]
                        local before = ordered(kind, held) .. member
                        local after = ordered(kind, call('HGET', record, field)) .. member
                        call('ZREM', index, before)
                        call('ZADD', index, 0, after)
                        if undo then
                            undo[#undo + 1] = {'ZADD', index, 0, before}
                            undo[#undo + 1] = {'ZREM', index, after}
                        end
                    end
                end
            end
            k, a = k + (kind == '' and 1 or 2), a + 6

        -- KEYS: record, an index for each. ARGV: count, field and value..., count, field that loses its value..., the
        -- key as a member, count, field, kind and new member or nothing...
        elseif verb == 'update' then
            local first = a + 2
            local gone = first + ARGV[a + 1] + 1
            local tail = gone + ARGV[gone - 1]
            local indexes = tonumber(ARGV[tail + 1])
            if call('EXISTS', record) == 0 then
                code = -1
            else
                for at = 1, indexes do
                    local index, here = KEYS[k + 1 + at], tail - 1 + 3 * at
                    local before, after = call('HGET', record, ARGV[here]), ARGV[here + 2]
                    before = before and ordered(ARGV[here + 1], before) .. ARGV[tail]
                    if before and before ~= after then
                        call('ZREM', index, before)
                        if undo then undo[#undo + 1] = {'ZADD', index, 0, before} end
                    end
                    if after ~= '' and before ~= after then
                        call('ZADD', index, 0, after)
                        if undo then undo[#undo + 1] = {'ZREM', index, after} end
                    end
                end
                if undo then
                    for at = first, gone - 2, 2 do
                        local before = call('HGET', record, ARGV[at])
                        undo[#undo + 1] = before and {'HSET', record, ARGV[at], before} or {'HDEL', record, ARGV[at]}
                    end
                    for at = gone, tail - 1 do
                        local before = call('HGET', record, ARGV[at])
                        if before then undo[#undo + 1] = {'HSET', record, ARGV[at], before} end
                    end
                end
                if first <= gone - 2 then call('HSET', record, unpack(ARGV, first, gone - 2)) end
                if gone <= tail - 1 then call('HDEL', record, unpack(ARGV, gone, tail - 1)) end
            end
            k, a = k + 1 + indexes, tail + 2 + 3 * indexes

        -- KEYS: record, all keys, an index for each. ARGV: the key as a member, count, field and value..., count,
        -- member of each index...
        elseif verb == 'insert' then
            local order, member, first = KEYS[k + 2], ARGV[a + 1], a + 3
            local tail = first + ARGV[a + 2]
            local indexes = tonumber(ARGV[tail])
            if call('EXISTS', record) == 1 then
                code = -2
            else
                call('HSET', record, unpack(ARGV, first, tail - 1))
                call('ZADD', order, 0, member)
                if undo then
                    undo[#undo + 1] = {'DEL', record}
                    undo[#undo + 1] = {'ZREM', order, member}
                end
                for at = 1, indexes do
                    call('ZADD', KEYS[k + 2 + at], 0, ARGV[tail + at])
                    if undo then undo[#undo + 1] = {'ZREM', KEYS[k + 2 + at], ARGV[tail + at]} end
                end
            end
            k, a = k + 2 + indexes, tail + 1 + indexes

        -- KEYS: record, all keys, an index for each. ARGV: the key as a member, count, field and kind...
        elseif verb == 'delete' then
            local order, member, indexes = KEYS[k + 2], ARGV[a + 1], tonumber(ARGV[a + 2])
            if call('EXISTS', record) == 0 then
                code = -1
            else
                for at = 1, indexes do
                    local index, here = KEYS[k + 2 + at], a + 1 + 2 * at
                    local before = call('HGET', record, ARGV[here])
                    if before then
                        before = ordered(ARGV[here + 1], before) .. member
                        call('ZREM', index, before)
                        if undo then undo[#undo + 1] = {'ZADD', index, 0, before} end
                    end
                end
                if undo then
                    undo[#undo + 1] = {'HSET', record, unpack(call('HGETALL', record))}
                    undo[#undo + 1] = {'ZADD', order, 0, member}
                end
                call('ZREM', order, member)
                call('DEL', record)
            end
            k, a = k + 2 + indexes, a + 3 + 2 * indexes

        -- A scan or find. KEYS: all keys or an index. ARGV: the range as keys_in_range takes it, count, field... A row
        -- is the values, then the key.
        else
            local prefix, count = ARGV[a + 1], tonumber(ARGV[a + 8])
            local rows = keys_in_range(record, a + 1)
            for at = 1, #rows do
                local key = rows[at]
                local row = call('HMGET', prefix .. key, unpack(ARGV, a + 9, a + 8 + count))
                row[count + 1] = key
                rows[at] = row
            end
            answer[#answer + 1] = rows
            k, a = k + 1, a + 9 + count
        end
        position = position + 1
    end

    return code == 1 and answer or {code, position - 1}
end

if not undo then
    return execute()
end
local is_sound, answer = pcall(execute)
if not is_sound or answer[1] ~= 1 then
    for at = #undo, 1, -1 do
        redis.call(unpack(undo[at]))
    end
end
-- If the error were raised again, it would lose its code. Before version 7 it is text.
return type(answer) == 'table' and answer or redis.error_reply(answer)
