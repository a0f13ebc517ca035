-- A worker tells that it is there (or leaves, with no document).
if a.document then
  a.document.seen_at = now
  redis.call('SET', key('worker', a.name), cjson.encode(a.document), 'PX', int(a.ttl_ms))
  redis.call('ZADD', key('workers', a.queue), int(now + a.ttl_ms), a.name)
  redis.call('SET', key('seen', a.queue), int(now))
  redis.call('SADD', key('queues'), a.queue)
else
  redis.call('DEL', key('worker', a.name))
  redis.call('ZREM', key('workers', a.queue), a.name)
end
redis.call('ZREMRANGEBYSCORE', key('workers', a.queue), '-inf', int(now - 86400000))
return 'ok'
