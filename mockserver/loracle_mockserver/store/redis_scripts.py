"""What a store in Redis does there in one step: Lua scripts, each atomic.

The keys, all under one prefix; NS is a namespace, and stands last, so that no two keys can be one:

    about               schema, seed                    totals           tasks, requests, ...
    namespaces          by appearance                   sequence         of whatever is ordered
    order               all tasks by age (ID NS)        answers          by operation, status, fault
    journal             number -> entry                 entries          NUMBER SIZE NS by number
    tasks:NS            id -> record                    order:NS         ids by age
    polls:NS forced:NS  id -> ...                       created:NS dropped:NS   operation and name -> count
    files:NS sizes:NS   asset -> ...                    counters:NS documents:NS  name -> ...
"""

from __future__ import annotations

__all__ = ["PREFIX", "SCRIPTS", "VERSION"]

PREFIX = "loracle:"
VERSION = 1

_SHARED = """
local call = redis.call
local OF_NAMESPACE = {'tasks', 'order', 'polls', 'forced', 'created', 'dropped', 'files', 'sizes',
                      'counters', 'documents'}
local function key(kind, ns) return P .. kind .. ':' .. ns end
local function note(ns)
  if ns ~= '' and not call('ZSCORE', P .. 'namespaces', ns) then
    call('ZADD', P .. 'namespaces', call('INCR', P .. 'sequence'), ns)
  end
end
local function found(ns, id)
  local record = call('HGET', key('tasks', ns), id)
  if not record then return false end
  return {id, record, call('HGET', key('polls', ns), id), call('HGET', key('forced', ns), id)}
end
"""

_BODIES = {
    # schema, seed -> those that are there
    "claim": """
call('HSETNX', P .. 'about', 'schema', ARGV[1])
call('HSETNX', P .. 'about', 'seed', ARGV[2])
return call('HMGET', P .. 'about', 'schema', 'seed')
""",
    # NS, seed, operation and name, record, cap or '', number of the first id, ids -> an id; or, where
    # the next number has none among them, that number
    "create": """
local ns, field, cap, first = ARGV[1], ARGV[3], tonumber(ARGV[5]), tonumber(ARGV[6])
local seed = call('HGET', P .. 'about', 'seed')
if seed ~= ARGV[2] then
  if seed then return redis.error_reply('OTHERSEED the store belongs to another seed by now') end
  call('HSET', P .. 'about', 'seed', ARGV[2])
end
local n = call('HINCRBY', key('created', ns), field, 1) - 1
local id = n >= first and ARGV[7 + n - first]
if not id then
  if call('HINCRBY', key('created', ns), field, -1) == 0 then call('HDEL', key('created', ns), field) end
  return n
end
if n == 0 then note(ns) end
local place = call('INCR', P .. 'sequence')
call('HSET', key('tasks', ns), id, ARGV[4])
call('ZADD', key('order', ns), place, id)
call('ZADD', P .. 'order', place, id .. ns)
while cap and call('ZCARD', P .. 'order') > cap do
  local oldest = call('ZPOPMIN', P .. 'order')[1]
  local gone, owner = string.sub(oldest, 1, 36), string.sub(oldest, 37)
  local record = call('HGET', key('tasks', owner), gone)
  local length, start = string.match(record, '^(%d+) ()')
  local name = string.sub(record, start, start + length - 1)
  for _, kind in ipairs({'tasks', 'polls', 'forced'}) do call('HDEL', key(kind, owner), gone) end
  call('ZREM', key('order', owner), gone)
  local dropped = call('HINCRBY', key('dropped', owner), name, 1)
  if dropped == tonumber(call('HGET', key('created', owner), name)) then
    call('HDEL', key('dropped', owner), name)
    call('HDEL', key('created', owner), name)
  end
  call('HINCRBY', P .. 'totals', 'tasks_dropped', 1)
end
return id
""",
    # NS, id -> the task, or nothing; so the next two
    "task": "return found(ARGV[1], ARGV[2])",
    "poll": """
if call('HEXISTS', key('tasks', ARGV[1]), ARGV[2]) == 0 then return false end
call('HINCRBY', key('polls', ARGV[1]), ARGV[2], 1)
return found(ARGV[1], ARGV[2])
""",
    # NS, id, whether there is a state, state
    "force": """
if call('HEXISTS', key('tasks', ARGV[1]), ARGV[2]) == 0 then return false end
if ARGV[3] == '1' then call('HSET', key('forced', ARGV[1]), ARGV[2], ARGV[4])
else call('HDEL', key('forced', ARGV[1]), ARGV[2]) end
return found(ARGV[1], ARGV[2])
""",
    # NS, place below which to begin, how many -> the place of the last, and tasks, newest first
    "page": """
local order, tasks = key('order', ARGV[1]), {}
local ids = call('ZREVRANGEBYSCORE', order, ARGV[2], '-inf', 'WITHSCORES', 'LIMIT', 0, ARGV[3])
for i = 1, #ids, 2 do tasks[#tasks + 1] = found(ARGV[1], ids[i]) end
return {ids[#ids] or '', tasks}
""",
    # id -> the namespaces that have it
    "owners": """
local owners = {}
for _, ns in ipairs(call('ZRANGE', P .. 'namespaces', 0, -1)) do
  if call('HEXISTS', key('tasks', ns), ARGV[1]) == 1 then owners[#owners + 1] = ns end
end
return owners
""",
    # NS, asset, file
    "expect": """
note(ARGV[1])
call('HSET', key('files', ARGV[1]), ARGV[2], ARGV[3])
call('HDEL', key('sizes', ARGV[1]), ARGV[2])
return 1
""",
    # NS, asset, file, size -> whether it was expected
    "receive": """
if call('HGET', key('files', ARGV[1]), ARGV[2]) ~= ARGV[3] then return 0 end
call('HSET', key('sizes', ARGV[1]), ARGV[2], ARGV[4])
return 1
""",
    # NS, asset -> whether its file came
    "has_asset": "return call('HEXISTS', key('sizes', ARGV[1]), ARGV[2])",
    # NS, names -> what the counters are now; so the next one
    "count": """
note(ARGV[1])
local counts = {}
for i = 2, #ARGV do call('HINCRBY', key('counters', ARGV[1]), ARGV[i], 1) end
for i = 2, #ARGV do counts[i - 1] = tonumber(call('HGET', key('counters', ARGV[1]), ARGV[i])) end
return counts
""",
    "counts": """
local counts = {}
for i = 2, #ARGV do counts[i - 1] = tonumber(call('HGET', key('counters', ARGV[1]), ARGV[i]) or '0') end
return counts
""",
    # NS, name -> the document there, and that of all keys
    "read": """
return {ARGV[1] ~= '' and call('HGET', key('documents', ARGV[1]), ARGV[2]),
        call('HGET', key('documents', ''), ARGV[2])}
""",
    # NS, name -> the document there
    "document": "return call('HGET', key('documents', ARGV[1]), ARGV[2])",
    # NS, name, whether a document was there, it, whether one comes, it -> whether it was that one
    "replace": """
local known = call('HGET', key('documents', ARGV[1]), ARGV[2])
if (known or '') ~= ARGV[4] or (known and '1' or '0') ~= ARGV[3] then return 0 end
note(ARGV[1])
if ARGV[5] == '1' then call('HSET', key('documents', ARGV[1]), ARGV[2], ARGV[6])
else call('HDEL', key('documents', ARGV[1]), ARGV[2]) end
return 1
""",
    # most entries, most bytes, how many come, their bytes; for each entry 'SIZE NS' and the entry; then
    # for each answer it and how often it was given
    "append": """
local totals, come = P .. 'totals', tonumber(ARGV[3])
local n, entries, places = call('HINCRBY', totals, 'requests', come) - come, {}, {}
for i = 1, come do
  local at = 3 + 2 * i
  entries[2 * i - 1], entries[2 * i] = n + i, ARGV[at + 1]
  places[2 * i - 1], places[2 * i] = n + i, n + i .. ' ' .. ARGV[at]
end
call('HSET', P .. 'journal', unpack(entries))
call('ZADD', P .. 'entries', unpack(places))
for i = 5 + 2 * come, #ARGV, 2 do call('HINCRBY', P .. 'answers', ARGV[i], ARGV[i + 1]) end
local kept, size = call('ZCARD', P .. 'entries'), call('HINCRBY', totals, 'entry_bytes', ARGV[4])
while kept > tonumber(ARGV[1]) or size > tonumber(ARGV[2]) do
  local oldest, freed = string.match(call('ZPOPMIN', P .. 'entries')[1], '^(%d+) (%d+)')
  call('HDEL', P .. 'journal', oldest)
  kept, size = kept - 1, call('HINCRBY', totals, 'entry_bytes', 0 - freed)
  call('HINCRBY', totals, 'requests_dropped', 1)
end
return 1
""",
    # number above which to begin, how many -> numbers and entries, oldest first
    "entries": """
local ns, found = call('ZRANGEBYSCORE', P .. 'entries', ARGV[1], '+inf', 'LIMIT', 0, ARGV[2]), {}
for i, member in ipairs(ns) do
  local n = string.match(member, '^%d+')
  found[i] = {n, call('HGET', P .. 'journal', n)}
end
return found
""",
    "statistics": """
return {call('HMGET', P .. 'totals', 'tasks_dropped', 'requests', 'requests_dropped'),
        call('ZCARD', P .. 'order'), call('ZCARD', P .. 'namespaces'), call('HGETALL', P .. 'answers')}
""",
    "namespaces": "return call('ZRANGE', P .. 'namespaces', 0, -1)",
    "reset_all": """
local all = call('ZRANGE', P .. 'namespaces', 0, -1)
all[#all + 1] = ''
for _, ns in ipairs(all) do
  for _, kind in ipairs(OF_NAMESPACE) do call('UNLINK', key(kind, ns)) end
end
for _, kind in ipairs({'totals', 'namespaces', 'sequence', 'order', 'answers', 'journal', 'entries'}) do
  call('UNLINK', P .. kind)
end
return 1
""",
    # NS
    "reset": """
local ns, totals = ARGV[1], P .. 'totals'
for _, id in ipairs(call('ZRANGE', key('order', ns), 0, -1)) do
  call('ZREM', P .. 'order', id .. ns)
end
for _, kind in ipairs(OF_NAMESPACE) do call('UNLINK', key(kind, ns)) end
call('ZREM', P .. 'namespaces', ns)
for _, member in ipairs(call('ZRANGE', P .. 'entries', 0, -1)) do
  local n, size, start = string.match(member, '^(%d+) (%d+) ()')
  if string.sub(member, start) == 'of ' .. ns then
    call('ZREM', P .. 'entries', member)
    call('HDEL', P .. 'journal', n)
    call('HINCRBY', totals, 'entry_bytes', 0 - size)
  end
end
return 1
""",
}

SCRIPTS = {name: f"local P = '{PREFIX}'{_SHARED}{body}" for name, body in _BODIES.items()}
