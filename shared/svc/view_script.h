/* view_script.h - the Lua scripts that change a view in Redis, each atomic. */
#ifndef MOA_SVC_VIEW_SCRIPT_H
#define MOA_SVC_VIEW_SCRIPT_H

/* KEYS: pos, then the group key of each change.
 * ARGV: 1 next and 2 log expected; 3 next and 4 log to store; 5 mark or ''; 6 end or '', 'end' (forget it) or 'all' (forget that it
 * was ever loaded); 7 by; 8 beat; 9 index ('', 'ids', 'term'); 10 term length; 11 prefix of the partition's keys;
 * 12 '1' to look for divergences; then for each change: flag ('s' snapshot row, '' other), field, entry.
 * Returns {1, class, key, field...} with the divergences, or {0, next, log} as stored.
 * Changes of one group that stand together cost one HMGET and one HSET: most of what an event costs Redis is calls from Lua.
 * Versions are compared as text: Lua would turn numbers of this size into 1e+15.
 * top, in pos, is the highest version ever applied here. An entry above it was not written by this script: it has no say. So is a
 * key of another type than ours. A pos that was loaded without a top knows none. */
static const char view_script_apply[] =
	"local pos = KEYS[1]\n"
	"local cur = redis.call('HMGET', pos, 'next', 'log', 'top', 'loaded')\n"
	"if (cur[1] or '') ~= ARGV[1] or (cur[2] or '') ~= ARGV[2] then\n"
	"  return {0, cur[1] or '', cur[2] or ''}\n"
	"end\n"
	"local index, tlen, prefix, check = ARGV[9], tonumber(ARGV[10]), ARGV[11], ARGV[12] == '1'\n"
	"local sub = string.sub\n"
	"local out, a, i, n = {1}, 13, 2, #KEYS\n"
	"local top, knows = cur[3] or '', cur[3] and cur[4]\n"
	"local function add(command, key, ...)\n"
	"  local n = redis.pcall(command, key, ...)\n"
	"  if type(n) == 'number' then return n end\n"
	"  if string.find(n.err, 'WRONGTYPE', 1, true) then redis.call('DEL', key) end\n"
	"  return redis.call(command, key, ...)\n"
	"end\n"
	"local function tell(class, key, field)\n"
	"  out[#out + 1] = class; out[#out + 1] = key; out[#out + 1] = field\n"
	"end\n"
	"while i <= n do\n"
	"  local key, fields, held, put = KEYS[i], {}, {}, {}\n"
	"  while KEYS[i] == key do\n"
	"    fields[#fields + 1] = ARGV[a + 1 + 3 * #fields]\n"
	"    i = i + 1\n"
	"  end\n"
	"  local olds = redis.pcall('HMGET', key, unpack(fields))\n"
	"  if olds.err then redis.call('DEL', key); olds = {} end\n"
	"  for k, field in ipairs(fields) do held[field] = olds[k] end\n"
	"  for _, field in ipairs(fields) do\n"
	"    local old, entry = held[field], ARGV[a + 2]\n"
	"    local version, before = sub(entry, 1, 16), old and sub(old, 1, 16)\n"
	"    if not old or before < version or (knows and before > top) then\n"
	"      held[field] = entry\n"
	"      put[#put + 1] = field\n"
	"      put[#put + 1] = entry\n"
	"      if check or index ~= '' then\n"
	"        local was, is = old and sub(old, 17) or '', sub(entry, 17)\n"
	"        if sub(was, 1, 1) == '-' then was = '' end\n"
	"        if sub(is, 1, 1) == '-' then is = '' end\n"
	"        local audit = check and ARGV[a] == 's'\n"
	"        if audit and was ~= is then tell(was == '' and 'missing' or 'differs', key, field) end\n"
	"        if index == 'ids' then\n"
	"          if is == '' then redis.pcall('ZREM', prefix .. 'ids', field)\n"
	"          elseif add('ZADD', prefix .. 'ids', 'CH', field, field) > 0 and audit and was == is then\n"
	"            tell('missing', prefix .. 'ids', field)\n"
	"          end\n"
	"        elseif index == 'term' then\n"
	"          local wt, it = sub(was, 2, 1 + tlen), sub(is, 2, 1 + tlen)\n"
	"          if wt ~= '' and wt ~= it then redis.pcall('SREM', prefix .. 't:' .. wt, field) end\n"
	"          if it ~= '' and add('SADD', prefix .. 't:' .. it, field) > 0 and audit and was == is then\n"
	"            tell('missing', prefix .. 't:' .. it, field)\n"
	"          end\n"
	"        end\n"
	"      end\n"
	"    end\n"
	"    if version > top then top = version end\n"
	"    a = a + 3\n"
	"  end\n"
	"  if #put > 0 then redis.call('HSET', key, unpack(put)) end\n"
	"end\n"
	"if ARGV[6] == 'all' then redis.call('HDEL', pos, 'end', 'loaded', 'loadedlog', 'mark')\n"
	"elseif ARGV[6] == 'end' then redis.call('HDEL', pos, 'end')\n"
	"elseif ARGV[6] ~= '' then redis.call('HSET', pos, 'end', ARGV[6]) end\n"
	"if ARGV[5] ~= '' then redis.call('HSET', pos, 'mark', ARGV[5]) end\n"
	"redis.call('HSET', pos, 'next', ARGV[3], 'log', ARGV[4], 'by', ARGV[7], 'beat', ARGV[8])\n"
	"if cur[3] or not cur[4] then redis.call('HSET', pos, 'top', top) end\n"
	"return out\n";

/* KEYS: pos, one group. ARGV: 1 begin version; 2 Unix second before which tombstones go; 3 least next; 4 log; 5 cursor;
 * 6 index; 7 term length; 8 prefix. Returns {next cursor, key, field, key, field…} with what was removed and was no tombstone, or
 * {'moved'}. Besides what is older than the snapshot goes what the script above cannot have written: above top, or no entry; a key
 * of another type as a whole, as field '*'. */
static const char view_script_sweep[] =
	"local cur = redis.call('HMGET', KEYS[1], 'next', 'log', 'top')\n"
	"if (cur[2] or '') ~= ARGV[4] or tonumber(cur[1] or '-1') < tonumber(ARGV[3]) then return {'moved'} end\n"
	"local key, index, tlen, prefix = KEYS[2], ARGV[6], tonumber(ARGV[7]), ARGV[8]\n"
	"local r = redis.pcall('HSCAN', key, ARGV[5], 'COUNT', 500)\n"
	"if r.err then redis.call('DEL', key); return {'0', key, '*'} end\n"
	"local out = {r[1]}\n"
	"for i = 1, #r[2], 2 do\n"
	"  local field, entry = r[2][i], r[2][i + 1]\n"
	"  local version, kind = string.sub(entry, 1, 16), string.sub(entry, 17, 17)\n"
	"  if kind == '-' then\n"
	"    if (tonumber(string.sub(entry, 18)) or 0) < tonumber(ARGV[2]) then redis.call('HDEL', key, field) end\n"
	"  elseif kind ~= '+' or version < ARGV[1] or (cur[3] and version > cur[3]) then\n"
	"    redis.call('HDEL', key, field)\n"
	"    if index == 'ids' then redis.pcall('ZREM', prefix .. 'ids', field)\n"
	"    elseif index == 'term' then redis.pcall('SREM', prefix .. 't:' .. string.sub(entry, 18, 17 + tlen), field) end\n"
	"    out[#out + 1] = key; out[#out + 1] = field\n"
	"  end\n"
	"end\n"
	"return out\n";

/* KEYS: the group, then keys of its index. ARGV: 1 cursor of ids, which stand alone; 2 index; 3 term length; 4 prefix.
 * Returns {next cursor, key, field, key, field…} with the members removed because the group has no live entry for them. It needs no
 * position: the scripts above change an entry and its place in the index in one step, so the two agree whenever one looks. */
static const char view_script_sweep_index[] =
	"local group, ids, tlen, prefix = KEYS[1], ARGV[2] == 'ids', tonumber(ARGV[3]), ARGV[4]\n"
	"local out = {'0'}\n"
	"for i = 2, #KEYS do\n"
	"  local key, r = KEYS[i], nil\n"
	"  if ids then r = redis.pcall('ZSCAN', key, ARGV[1], 'COUNT', 200) else r = redis.pcall('SMEMBERS', key) end\n"
	"  if r.err then\n"
	"    redis.call('DEL', key)\n"
	"    out[#out + 1] = key; out[#out + 1] = '*'\n"
	"  elseif ids then\n"
	"    out[1], r = r[1], r[2]\n"
	"  end\n"
	"  for k = 1, #r, ids and 2 or 1 do\n"
	"    local entry = redis.pcall('HGET', group, r[k])\n"
	"    if type(entry) ~= 'string' then entry = '' end\n"
	"    local name = ids and 'ids' or 't:' .. string.sub(entry, 18, 17 + tlen)\n"
	"    if string.sub(entry, 17, 17) ~= '+' or prefix .. name ~= key then\n"
	"      redis.call(ids and 'ZREM' or 'SREM', key, r[k])\n"
	"      out[#out + 1] = key; out[#out + 1] = r[k]\n"
	"    end\n"
	"  end\n"
	"end\n"
	"return out\n";

/* KEYS: pos. ARGV: 1 least next; 2 log; 3 end as stored; 4 begin version; 5 mark to store where there is none.
 * Returns 1, or 0 when the position moved back or a newer snapshot ended. */
static const char view_script_loaded[] =
	"local cur = redis.call('HMGET', KEYS[1], 'next', 'log', 'end', 'mark')\n"
	"if (cur[2] or '') ~= ARGV[2] or tonumber(cur[1] or '-1') < tonumber(ARGV[1]) or (cur[3] or '') ~= ARGV[3] then return 0 end\n"
	"redis.call('HSET', KEYS[1], 'loaded', ARGV[4], 'loadedlog', ARGV[2])\n"
	"if not cur[4] then redis.call('HSET', KEYS[1], 'mark', ARGV[5]) end\n"
	"return 1\n";

#endif
