-- Posts alerts: the same each time, or each a new one. Arguments: body file, token, "same" or "new".
-- In the body, NUMBER stands for sixteen digits that are new for each request.

local threads = 0

function setup(thread)
  thread:set("number", threads)
  threads = threads + 1
end

function init(arguments)
  local file = assert(io.open(arguments[1], "rb"))
  body = file:read("*a")
  file:close()
  new = arguments[3] == "new"
  count = 0
  round = tonumber(arguments[4])
  wrk.method = "POST"
  wrk.headers["Content-Type"] = "application/json"
  wrk.headers["Authorization"] = "Bearer " .. arguments[2]
  same = wrk.format(nil, nil, nil, (body:gsub("NUMBER", "0000000000000000")))
end

function request()
  if not new then
    return same
  end
  count = count + 1
  local mark = string.format("%04x%04x%08x", round, number, count)
  return wrk.format(nil, nil, nil, (body:gsub("NUMBER", mark)))
end
