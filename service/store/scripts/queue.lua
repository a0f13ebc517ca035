-- Returns the state of a queue: {jobs waiting, workers online, for how long there were none, how long a job takes};
-- times in milliseconds, -1 unknown.
local online = workers_online(a.queue)
local waiting = redis.call('ZCARD', key('ready', a.queue))
local seen = redis.call('GET', key('seen', a.queue))
local load = redis.call('GET', key('load', a.queue))
local takes = expected_ms(a.queue, waiting > 0 and load and load / waiting or 1)
return {waiting, online, online == 0 and seen and math.max(0, now - seen) or -1, takes and math.floor(takes) or -1}
