-- wrk: the same request over and over; counts the answers by their class and prints a line of JSON.
local threads = {}

function setup(thread) table.insert(threads, thread) end

function init(args)
  wrk.method, wrk.body = args[1], args[2]
  wrk.headers['Content-Type'] = 'application/json'
  good, bad = 0, 0
end

function response(status)
  if status >= 200 and status < 300 then good = good + 1 else bad = bad + 1 end
end

function done(summary, latency)
  local good, bad = 0, 0
  for _, thread in ipairs(threads) do
    good, bad = good + thread:get('good'), bad + thread:get('bad')
  end
  local errors = summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout
  io.write(string.format(
    '{"good": %d, "bad": %d, "errors": %d, "seconds": %.6f, "p50_ms": %.3f, "p99_ms": %.3f}\n',
    good, bad, errors, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3))
end
