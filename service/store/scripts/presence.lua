-- Announces a worker, or notes that it leaves, with no document.
if a.document then
  a.document.seen_at = now
  redis.call('SET', key('worker', a.name), cjson.encode(a.document), 'PX', int(a.ttl_ms))
  -- A worker whose horses die is shown, but no job can wait for it.
  local serves = a.document.state ~= 'broken'
  redis.call('ZADD', key('workers', a.queue), int(serves and now + a.ttl_ms or now), a.name)
  if serves then
    redis.call('SET', key('seen', a.queue), int(now))
  end
  redis.call('SADD', key('queues'), a.queue)
  redis.call('ZREMRANGEBYSCORE', key('workers', a.queue), '-inf', int(now - a.ttl_ms))
else
  redis.call('DEL', key('worker', a.name))
  redis.call('ZREM', key('workers', a.queue), a.name)
end
return 'ok'
