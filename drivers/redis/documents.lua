-- Carries out operations on records that are JSON documents, one after another, in one step that nobody sees half done.
--
-- ARGV[1] is 'each', or 'all' for a transaction: then what was changed is put back if an operation is refused or fails.
-- Behind it stand the operations, each as its verb and its arguments; KEYS holds the keys of each, in the same order.
-- The answer is {code, how many operations were done, rows of the first read...}. Code 1: all of them. Others are of
-- the operation that ended it: 0 refused, -1 missing, -2 exists, -3 holds no integer, -4 too large for one, -5 another
-- document than the client read. In 'each' a refusal ends nothing, and what was done before an end stays. In 'all' rows
-- count only with code 1.
--
-- No document is looked into here: numbers of Lua, and so those of cjson, are floats. The client changes documents, and
-- says which one it changed: it is put in place only while that one is still there. Sorted sets are those of records.lua.
local undo = ARGV[1] == 'all' and {} or nil

local function carry_out()
    local call, KEYS, ARGV = redis.call, KEYS, ARGV
    local answer, code, done = {1, 0}, 1, 0
    local k, a, last = 0, 2, #ARGV

    while a <= last do
        local verb = ARGV[a]
        local record = KEYS[k + 1]

        -- KEYS: record.
        if verb == 'read' then
            local document = call('GET', record)
            if document then answer[#answer + 1] = document else code = -1 end
            k, a = k + 1, a + 1

        -- KEYS: record, an index for each move. ARGV: document as it was read, as it shall be, count of moves, the
        -- member that goes or nothing and the one that comes or nothing...
        elseif verb == 'replace' then
            local before, moves = ARGV[a + 1], tonumber(ARGV[a + 3])
            if call('GET', record) ~= before then
                code = -5
            else
                call('SET', record, ARGV[a + 2])
                if undo then undo[#undo + 1] = {'SET', record, before} end
                for at = 1, moves do
                    local index, goes, comes = KEYS[k + 1 + at], ARGV[a + 2 + 2 * at], ARGV[a + 3 + 2 * at]
                    if goes ~= '' then
                        call('ZREM', index, goes)
                        if undo then undo[#undo + 1] = {'ZADD', index, 0, goes} end
                    end
                    if comes ~= '' then
                        call('ZADD', index, 0, comes)
                        if undo then undo[#undo + 1] = {'ZREM', index, comes} end
                    end
                end
            end
            k, a = k + 1 + moves, a + 4 + 2 * moves

        -- KEYS: record, all keys, an index for each member. ARGV: document, the key as a member, count, member of
        -- each index...
        elseif verb == 'insert' then
            local order, member, indexes = KEYS[k + 2], ARGV[a + 2], tonumber(ARGV[a + 3])
            if not call('SET', record, ARGV[a + 1], 'NX') then
                code = -2
            else
                call('ZADD', order, 0, member)
                if undo then
                    undo[#undo + 1] = {'DEL', record}
                    undo[#undo + 1] = {'ZREM', order, member}
                end
                for at = 1, indexes do
                    call('ZADD', KEYS[k + 2 + at], 0, ARGV[a + 3 + at])
                    if undo then undo[#undo + 1] = {'ZREM', KEYS[k + 2 + at], ARGV[a + 3 + at]} end
                end
            end
            k, a = k + 2 + indexes, a + 4 + indexes

        -- KEYS: record, all keys, an index for each member. ARGV: document as it was read or nothing if any may go,
        -- the key as a member, count, member of each index...
        elseif verb == 'delete' then
            local order, member, indexes = KEYS[k + 2], ARGV[a + 2], tonumber(ARGV[a + 3])
            local before = call('GET', record)
            if ARGV[a + 1] ~= '' and before ~= ARGV[a + 1] then
                code = -5
            elseif not before then
                code = -1
            else
                call('DEL', record)
                call('ZREM', order, member)
                if undo then
                    undo[#undo + 1] = {'SET', record, before}
                    undo[#undo + 1] = {'ZADD', order, 0, member}
                end
                for at = 1, indexes do
                    call('ZREM', KEYS[k + 2 + at], ARGV[a + 3 + at])
                    if undo then undo[#undo + 1] = {'ZADD', KEYS[k + 2 + at], 0, ARGV[a + 3 + at]} end
                end
            end
            k, a = k + 2 + indexes, a + 4 + indexes

        -- An operation of which the client knows how it ends, as long as what it read is there. KEYS: record. ARGV:
        -- document as it was read or nothing if there was none, code.
        elseif verb == 'ends' then
            local is_same = (call('GET', record) or '') == ARGV[a + 1]
            code = is_same and tonumber(ARGV[a + 2]) or -5
            k, a = k + 1, a + 3

        -- KEYS: all keys or an index. ARGV: prefix of records, kind of keys, how many bytes of a member stand before
        -- its key (-1: up to two zeros), lowest and highest, 'up' or 'down', limit. The answer is a list of keys, each
        -- with its document behind it.
        else
            local prefix, is_int, width = ARGV[a + 1], ARGV[a + 2] == 'int', tonumber(ARGV[a + 3])
            local low, high, limit = ARGV[a + 4], ARGV[a + 5], ARGV[a + 7]
            local found, names, rows = nil, {}, {}
            if ARGV[a + 6] == 'up' then
                found = call('ZRANGE', record, low, high, 'BYLEX', 'LIMIT', 0, limit)
            else
                found = call('ZRANGE', record, high, low, 'BYLEX', 'REV', 'LIMIT', 0, limit)
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
                local documents = call('MGET', unpack(names, first, math.min(first + 999, #found)))
                for at = 1, #documents do
                    rows[#rows + 1] = found[first + at - 1]
                    rows[#rows + 1] = documents[at]
                end
            end
            answer[#answer + 1] = rows
            k, a = k + 1, a + 8
        end

        if code ~= 1 and (code ~= 0 or undo) then
            break
        end
        code, done = 1, done + 1
    end

    answer[1], answer[2] = code, done
    return answer
end

if not undo then
    return carry_out()
end
local is_sound, answer = pcall(carry_out)
if not is_sound or answer[1] ~= 1 then
    for at = #undo, 1, -1 do
        redis.call(unpack(undo[at]))
    end
end
-- Raised again, an error would lose its code. Before version 7 it is text.
return type(answer) == 'table' and answer or redis.error_reply(answer)
