--- What stands behind `:Flow SUBCOMMAND`.
local client = require("flow.client")
local view = require("flow.view")

local M = {}

local LIVE = { "pending", "running", "waiting", "compensating" }
local UNDOABLE = { "succeeded", "failed", "cancelled", "compensation_failed" }
local MENU_LENGTH = 50
local COMPLETION_PATIENCE = 500 -- milliseconds

local function describe(run)
  return ("%s  %s  %s  %d/%d"):format(run.id, run.state, run.name, run.steps_done, run.steps)
end

--- Call `continue` with a run: the one named, else the one this buffer shows, else one the user
--- picks from those in one of `states` (nil: any).
local function with_run(name, states, prompt, continue)
  name = name or vim.b.flow_run
  if name then
    client.request("flow/show", { run = name }, continue)
    return
  end
  client.request("flow/list", { state = states, limit = MENU_LENGTH }, function(listed)
    if #listed.runs == 0 then
      vim.notify("Flow: there is no such run")
      return
    end
    vim.ui.select(listed.runs, { prompt = prompt, format_item = describe }, function(run)
      if run then
        client.request("flow/show", { run = run.id }, continue)
      end
    end)
  end)
end

local function attach(words, mods)
  with_run(words[1], nil, "Attach to", function(run)
    view.open(run.id, mods)
  end)
end

--- `key=value` words are inputs; what is left is the file.
local function inputs_among(words)
  local inputs, file = vim.empty_dict(), nil
  for _, word in ipairs(words) do
    local key, value = word:match("^([%a_][%w_]*)=(.*)$")
    if key then
      inputs[key] = value
    else
      file = word
    end
  end
  return inputs, file
end

local function run(words, mods)
  local inputs, file = inputs_among(words)
  local params = { inputs = inputs, cwd = vim.fn.getcwd(), environment = vim.fn.environ() }
  if file then
    params.path = vim.fn.fnamemodify(file, ":p")
  else -- what is on the screen, saved or not
    params.text = table.concat(vim.api.nvim_buf_get_lines(0, 0, -1, false), "\n") .. "\n"
  end
  client.request("flow/run", params, function(started)
    view.open(started.run, mods)
  end)
end

local function undo(words, mods)
  with_run(words[1], UNDOABLE, "Undo", function(shown)
    local steps = {}
    for _, step in ipairs(shown.steps) do
      if step.state == "succeeded" and type(step.undo) == "string" then
        table.insert(steps, 1, ("%s: %s"):format(step.id, step.undo))
      end
    end
    local question = ("Undo %s (%s)?\n%s"):format(shown.name, shown.id, table.concat(steps, "\n"))
    vim.ui.select({ "undo", "leave it" }, { prompt = question }, function(choice)
      if choice == "undo" then
        client.request("flow/undo", { run = shown.id }, function()
          view.open(shown.id, mods)
        end)
      end
    end)
  end)
end

local function cancel(words)
  with_run(words[1], LIVE, "Cancel", function(shown)
    client.request("flow/cancel", { run = shown.id }, function(result)
      vim.notify(("Flow: %s is %s"):format(shown.name, result.state))
    end)
  end)
end

local function answer(words, mods)
  with_run(words[1], { "waiting" }, "Answer", function(shown)
    view.open(shown.id, mods)
  end)
end

local function list(_, mods)
  client.request("flow/list", { limit = MENU_LENGTH }, function(listed)
    view.list(vim.tbl_map(describe, listed.runs), mods)
  end)
end

local function runs_like(lead)
  local listed = client.request_now("flow/list", { limit = MENU_LENGTH }, COMPLETION_PATIENCE)
  local names = vim.tbl_map(function(row)
    return row.id
  end, listed and listed.runs or {})
  return vim.tbl_filter(function(name)
    return vim.startswith(name, lead)
  end, names)
end

local function files_like(lead)
  return vim.tbl_filter(function(name)
    return name:match("%.flow%.ya?ml$") or vim.endswith(name, "/")
  end, vim.fn.getcompletion(lead, "file"))
end

local function nothing()
  return {}
end

---@type table<string, { act: fun(words: string[], mods: table), complete: fun(lead: string): string[] }>
local SUBCOMMANDS = {
  answer = { act = answer, complete = runs_like },
  attach = { act = attach, complete = runs_like },
  cancel = { act = cancel, complete = runs_like },
  ps = { act = list, complete = nothing },
  run = { act = run, complete = files_like },
  undo = { act = undo, complete = runs_like },
}

--- Carry out `:Flow …`.
---@param command table What nvim_create_user_command gives.
function M.execute(command)
  local words = vim.list_slice(command.fargs, 2)
  local subcommand = SUBCOMMANDS[command.fargs[1]]
  if subcommand then
    subcommand.act(words, command.smods)
  else
    local known = table.concat(M.complete("", "Flow "), ", ")
    client.complain({ message = ("there is no :Flow %s"):format(command.fargs[1]), data = { cure = known } })
  end
end

--- Complete a subcommand, or what follows one.
---@return string[]
function M.complete(lead, line)
  local name = line:match("Flow!?%s+(%S+)%s")
  if name then
    return SUBCOMMANDS[name] and SUBCOMMANDS[name].complete(lead) or {}
  end
  local names = vim.tbl_filter(function(known)
    return vim.startswith(known, lead)
  end, vim.tbl_keys(SUBCOMMANDS))
  table.sort(names)
  return names
end

return M
