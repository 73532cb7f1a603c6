--- The connection to the daemon: one language client for the whole of Neovim.
local M = {}

local NAME = "flow"
local UNREACHABLE = { message = "the daemon cannot be reached", data = { cure = ":checkhealth flow" } }

---@alias flow.Problem { message: string, data?: { cure?: string } }

---@type { continue: fun(client: vim.lsp.Client), fail: fun(problem: flow.Problem) }[]
local waiting = {} -- for the daemon to say hello
---@type table<integer, true>
local attached = {} -- buffers the daemon is told of, also by the next connection
---@type fun(event: table)[]
local event_listeners = {}
---@type { connected: fun(), lost: fun() }[]
local connection_listeners = {}
local told_unreachable = false -- since the last connection

--- Call `listener` with every `flow/event` from now on.
function M.on_event(listener)
  table.insert(event_listeners, listener)
end

--- Call `connected` after every hello, `lost` whenever a connection ends or cannot be made.
function M.on_connection(connected, lost)
  table.insert(connection_listeners, { connected = connected, lost = lost })
end

--- Tell the user of an error, with its cure.
---@param problem flow.Problem
function M.complain(problem)
  local cure = type(problem.data) == "table" and problem.data.cure or ""
  local text = problem.message .. (cure ~= "" and ("; " .. cure) or "")
  vim.notify("Flow: " .. text, vim.log.levels.ERROR)
end

--- Tell of an error in what the user did not ask for: once, and not in the middle of an autocommand.
local function complain_once(problem)
  if not told_unreachable then
    told_unreachable = true
    vim.schedule(function()
      M.complain(problem)
    end)
  end
end

local function connected(client)
  told_unreachable = false
  for buffer in pairs(attached) do
    if vim.api.nvim_buf_is_loaded(buffer) then
      vim.lsp.buf_attach_client(buffer, client.id)
    else
      attached[buffer] = nil
    end
  end
  local ready = waiting
  waiting = {}
  for _, one in ipairs(ready) do
    one.continue(client)
  end
  for _, listener in ipairs(connection_listeners) do
    listener.connected()
  end
end

local function lost()
  local left = waiting
  waiting = {}
  if vim.v.exiting ~= vim.NIL then
    return
  end
  for _, one in ipairs(left) do
    one.fail(UNREACHABLE)
  end
  for _, listener in ipairs(connection_listeners) do
    listener.lost()
  end
end

local function configuration()
  local options = require("flow").options
  return {
    name = NAME,
    cmd = options.socket and vim.lsp.rpc.connect(options.socket) or options.cmd,
    root_dir = vim.fn.getcwd(),
    commands = require("flow.commands").of_daemon,
    handlers = {
      ["flow/event"] = function(_, event)
        for _, listener in ipairs(event_listeners) do
          listener(event)
        end
      end,
    },
    on_init = connected,
    on_exit = vim.schedule_wrap(lost),
  }
end

local function same(client, config)
  return client.name == config.name and not client:is_stopped()
end

--- The client, made if need be; nil when the program cannot be started.
---@return vim.lsp.Client?
local function start()
  local id = vim.lsp.start(configuration(), { attach = false, silent = true, reuse_client = same })
  return id and vim.lsp.get_client_by_id(id)
end

--- Let the daemon look at a buffer: diagnostics, code actions and lenses. What is requested
--- afterwards finds it there.
function M.attach(buffer)
  attached[buffer] = true
  M.with(function(client)
    vim.lsp.buf_attach_client(buffer, client.id)
  end, complain_once)
end

--- Draw the lenses of a buffer; Neovim does not by itself. None if the daemon knows of none.
function M.show_lenses(buffer)
  vim.lsp.codelens.refresh({ bufnr = buffer })
end

--- Call `continue` with the client as soon as the daemon has said hello, or `fail`.
---@param continue fun(client: vim.lsp.Client)
---@param fail? fun(problem: flow.Problem) Default: tell the user.
function M.with(continue, fail)
  fail = fail or M.complain
  local client = start()
  if not client then
    fail(UNREACHABLE)
  elseif client.initialized then
    continue(client)
  else
    table.insert(waiting, { continue = continue, fail = fail })
  end
end

--- Send a request; `on_result` gets the result, `on_error` the error.
---@param method string
---@param params table
---@param on_result fun(result: table)
---@param on_error? fun(problem: flow.Problem) Default: tell the user.
function M.request(method, params, on_result, on_error)
  on_error = on_error or M.complain
  M.with(function(client)
    client:request(method, params, function(problem, result)
      if problem then
        on_error(problem)
      else
        on_result(result)
      end
    end)
  end, on_error)
end

--- Ask and wait, for completion: nil when there is no answer within `milliseconds`.
---@return table?
function M.request_now(method, params, milliseconds)
  local answer
  M.request(method, params, function(result)
    answer = result
  end, function() end)
  vim.wait(milliseconds, function()
    return answer ~= nil
  end, 10)
  return answer
end

return M
